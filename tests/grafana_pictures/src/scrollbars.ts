/** For esbuild, which gives modules of Grafana's kind (.mjs) the whole of a package of this kind for its default. */
import Scrollbars from '../node_modules/react-custom-scrollbars-2';

export default Scrollbars;
