// Every word of the board in Vietnamese and in English; `say` gives it in the language chosen.

const WORDS = {
  skip: ["Đến số liệu", "Skip to the figures"],
  subtitle: ["Hồ sơ thủ tục hành chính theo đơn vị, cộng dồn từ đầu", "Public-service dossiers by unit, since the log began"],
  explain: ["Số liệu này nghĩa là gì?", "What do these figures mean?"],
  retry: ["Thử lại ngay", "Try again now"],
  close: ["Đóng", "Close"],
  totals: ["Toàn bộ", "All units"],
  course: ["Tiếp nhận và hoàn thành theo ngày", "Received and completed by day"],
  map: ["Bản đồ ô", "Map in tiles"],
  shade: ["Tô màu theo", "Shade by"],
  map_note: ["Mỗi ô là một đơn vị, đặt gần đúng vị trí; màu càng nổi, số càng lớn; ô viền đứt không có trong danh sách bên dưới. Dùng phím mũi tên để sang ô bên cạnh.", "One tile a unit, roughly where it lies; a stronger colour is more; a dashed one is not in the list below. Arrow keys lead from tile to tile."],
  find: ["Tìm đơn vị", "Find a unit"],
  role: ["Vai trò", "Role"],
  tier: ["Cấp", "Tier"],
  only: ["Chỉ hiện", "Show only"],
  sort: ["Xếp theo", "Sort by"],
  caption: ["Số liệu từng đơn vị; xếp bằng nút ở đầu cột", "Figures by unit; sort with the buttons in the header"],
  language: ["English", "Tiếng Việt"],
  back: ["Tất cả đơn vị", "All units"],
  more: ["Hiện thêm {n} đơn vị", "Show {n} more units"],
  count: ["{n} đơn vị", "{n} units"],
  count_of: ["{n} trong {m} đơn vị", "{n} of {m} units"],
  nothing: ["Không có đơn vị nào như vậy", "No unit is like that"],
  today: ["hôm nay {n}", "{n} today"],
  day_of: ["ngày {day}", "on {day}"],
  rank: ["Hạng", "Rank"],
  // roles, tiers, filters
  receiver: ["Nơi tiếp nhận", "Receiving unit"],
  competent: ["Cơ quan giải quyết", "Competent body"],
  all: ["Tất cả", "All"],
  ward: ["Phường", "Ward"],
  commune: ["Xã", "Commune"],
  special_zone: ["Đặc khu", "Special zone"],
  department: ["Sở, trung tâm của tỉnh", "Departments, city centre"],
  unknown_kind: ["Ngoài danh mục", "Not in the register"],
  only_overdue: ["Có hồ sơ quá hạn", "With overdue dossiers"],
  only_line: ["Mất đường truyền hoặc im lặng", "Line down or silent"],
  only_provisional: ["Số liệu tạm tính", "Provisional figures"],
  only_kept_out: ["Có bản tin bị thành phố từ chối", "With events that the city refused"],
  // columns
  unit: ["Đơn vị", "Unit"],
  days: ["14 ngày", "14 days"],
  cases: ["Hồ sơ công dân", "Citizens’ cases"],
  received: ["Tiếp nhận", "Received"],
  online: ["Trực tuyến", "Online"],
  completed: ["Hoàn thành", "Completed"],
  on_time: ["Đúng hạn", "On time"],
  open: ["Đang mở", "Open"],
  overdue: ["Quá hạn", "Overdue"],
  due: ["Còn 24 giờ", "Due in 24 h"],
  of: ["{n} trong {m}", "{n} of {m}"],
  acceptance_late: ["{n} chậm tiếp nhận", "{n} late to accept"],
  in_72h: ["{n} trong 72 giờ", "{n} in 72 h"],
  waiting: ["{n} chờ công dân", "{n} with citizens"],
  legs_too: ["kể cả hồ sơ thành phần", "legs included"],
  course_of: ["Tiếp nhận 14 ngày: cao nhất {max} ngày {day}, ngày cuối {last}", "Received, 14 days: most {max} on {day}, last day {last}"],
  // what is said of the figures
  connecting: ["Đang kết nối…", "Connecting…"],
  live: ["Trực tiếp, đầy đủ", "Live, complete"],
  live_provisional: ["Trực tiếp, một phần tạm tính", "Live, in part provisional"],
  live_kept_out: ["Trực tiếp, thiếu bản tin bị từ chối của {n} đơn vị", "Live; refused events of {n} units are missing"],
  live_unsure: ["Trực tiếp, chưa rõ đã đủ chưa", "Live; not yet known whether complete"],
  in_part_provisional: ["một phần tạm tính", "in part provisional"],
  unsure: ["chưa rõ đã đủ chưa", "not yet known whether complete"],
  arriving: ["Đang tải: {n} trong {m} đơn vị", "Loading: {n} of {m} units"],
  behind_seconds: ["Trễ {n} giây", "{n} s behind"],
  behind_minutes: ["Trễ {n} phút", "{n} minutes behind"],
  behind_hours: ["Trễ {n} giờ", "{n} hours behind"],
  lag_unknown: ["Chưa rõ độ trễ", "Lag not known"],
  lost: ["Mất kết nối · số liệu của {at}", "Connection lost · figures of {at}"],
  again_in: ["thử lại sau {n} giây", "next try in {n} s"],
  again_now: ["đang thử lại…", "trying…"],
  rebuilding: ["Đang tính lại từ sổ ghi · số liệu của {at}", "Being rebuilt from the log · figures of {at}"],
  unavailable: ["Không đọc được số liệu · số liệu của {at}", "Figures cannot be read · figures of {at}"],
  stopped: ["Một phần sổ ghi đã dừng", "Counting has stopped in part"],
  as_of: ["Số liệu lúc", "As of"],
  log_clock: ["Đồng hồ sổ ghi", "Log clock"],
  complete_until: ["Mọi nơi đã gửi đủ đến", "Complete until"],
  // marks of a unit
  provisional: ["Tạm tính", "Provisional"],
  provisional_until: ["Tạm tính, đủ đến {at}", "Provisional, complete until {at}"],
  left: ["còn {n} chưa gửi", "{n} not sent yet"],
  up: ["Đường truyền tốt", "Line up"],
  degraded: ["Đường truyền chậm", "Slow line"],
  down: ["Mất đường truyền", "Line down"],
  unknown: ["Không rõ đường truyền", "Line not known"],
  no_edge: ["Gửi thẳng, không có hộp thư đi", "Reports directly, without an outbox"],
  silent_since: ["Im lặng từ {at}", "Silent since {at}"],
  heard: ["Có tin đều", "Heard of"],
  resting: ["Ngoài giờ làm việc", "Outside working hours"],
  silent: ["Im lặng trong giờ làm việc", "Silent in working hours"],
  never: ["Chưa từng báo", "Never reported"],
  silence_unknown: ["Không rõ giờ làm việc", "Hours not known"],
  // one unit
  link: ["Đường truyền", "Line"],
  completeness: ["Độ đầy đủ", "Completeness"],
  outbox: ["Hộp thư đi", "Outbox"],
  outbox_events: ["{n} bản tin", "{n} events"],
  oldest: ["Cũ nhất chưa gửi", "Oldest not sent"],
  complete_to: ["Đủ đến", "Complete until"],
  heard_at: ["Tín hiệu cuối của hộp thư", "Outbox last heard"],
  last_event: ["Bản tin cuối", "Last event"],
  activity: ["Hoạt động", "Activity"],
  kept_out: ["{n} bản tin bị thành phố từ chối", "{n} events refused by the city"],
  full: ["Đầy đủ", "Complete"],
  full_unknown: ["Chưa rõ: đang đọc tín hiệu của các hộp thư", "Not known yet: heartbeats are being read"],
  deadlines: ["Thời hạn", "Deadlines"],
  due_24: ["Đến hạn trong 24 giờ", "Due within 24 hours"],
  due_72: ["Đến hạn trong 72 giờ", "Due within 72 hours"],
  overdue_open: ["Quá hạn, chưa xong", "Overdue, still open"],
  acceptance: ["Quá hạn tiếp nhận (8 giờ làm việc)", "Late to accept (8 working hours)"],
  supplement: ["Chờ công dân bổ sung", "Waiting for a supplement"],
  payment: ["Chờ nộp phí, lệ phí", "Waiting for a payment"],
  open_all: ["Đang mở, tất cả", "Open, all"],
  worklist: ["Danh sách", "Worklist"],
  worklist_of: ["Danh sách: {what}", "Worklist: {what}"],
  key_needed: ["Danh sách hồ sơ mở bằng khóa của đơn vị (Authorization: Bearer …).", "Worklists open with the unit’s key (Authorization: Bearer …)."],
  by_day: ["Từng ngày", "Day by day"],
  day: ["Ngày", "Day"],
  returned: ["Trả kết quả", "Returned"],
  refused: ["Từ chối", "Refused"],
  restated: ["sửa lại {at}", "restated {at}"],
  by_channel: ["Theo kênh", "By channel"],
  by_field: ["Theo lĩnh vực", "By field"],
  channel: ["Kênh", "Channel"],
  field: ["Lĩnh vực", "Field"],
  direct: ["Trực tiếp", "Counter"],
  post: ["Bưu chính", "Post"],
  every_counter: ["Mọi số đếm", "Every counter"],
  counter: ["Số đếm", "Counter"],
  value: ["Số lượng", "Number"],
  meaning: ["Nghĩa", "Meaning"],
  loading: ["Đang tải…", "Loading…"],
  not_loaded: ["Chưa tải được; sẽ thử lại.", "Could not be loaded; it will be tried again."],
  no_unit: ["Không có đơn vị này.", "There is no such unit."],
};

// Fields of procedures by their code; one that is not here is shown as it is reported.
const FIELDS = {
  ho_tich: ["Hộ tịch", "Civil status"], chung_thuc: ["Chứng thực", "Certification"], dat_dai: ["Đất đai", "Land"],
  bao_tro_xa_hoi: ["Bảo trợ xã hội", "Social protection"], ho_kinh_doanh: ["Hộ kinh doanh", "Household businesses"],
  lien_thong: ["Liên thông", "Joint procedures"], cong_thuong: ["Công Thương", "Industry and trade"],
  nguoi_co_cong: ["Người có công", "People with merit"], giao_duc: ["Giáo dục", "Education"], xay_dung: ["Xây dựng", "Construction"],
  ton_giao: ["Tôn giáo", "Religion"], giam_ngheo: ["Giảm nghèo", "Poverty reduction"], moi_truong: ["Môi trường", "Environment"],
  du_lich: ["Du lịch", "Tourism"], nong_nghiep: ["Nông nghiệp", "Agriculture"],
  boi_thuong_nha_nuoc: ["Bồi thường nhà nước", "State compensation"], thi_dua_khen_thuong: ["Thi đua, khen thưởng", "Commendations"],
  van_hoa: ["Văn hóa", "Culture"], doanh_nghiep: ["Doanh nghiệp", "Enterprises"], khieu_nai_to_cao: ["Khiếu nại, tố cáo", "Complaints"],
  nuoi_con_nuoi: ["Nuôi con nuôi", "Adoption"], viec_lam: ["Việc làm", "Employment"], other: ["Khác", "Other"],
};

// What stands behind “What do these figures mean?”: a heading and a paragraph each.
export const MEANINGS = {
  on_time: [
    ["Đúng hạn", "Hồ sơ hoàn thành vào đúng hoặc trước hạn hiện hành, tính theo giờ làm việc, ngày nghỉ và thời gian tạm dừng. Hồ sơ không có thời hạn không nằm trong tỷ lệ. Hồ sơ đang mở đã quá hạn đứng ở cột “Quá hạn”, bên cạnh tỷ lệ. Hồ sơ xong đúng hạn nhưng báo trễ vì đường truyền vẫn tính là đúng hạn, và được đếm riêng."],
    ["On time", "Completed at or before the present due date, counted in working hours, with holidays and pauses. Dossiers without a time limit are not in the rate. Open dossiers past their due stand beside the rate, under “Overdue”. What was completed in time and reported late because the line was down counts as on time, and is counted apart as well."],
  ],
  provisional: [
    ["Tạm tính", "Trung tâm còn bản tin chưa gửi được, hoặc trong giờ làm việc không liên lạc được. Số liệu tự đủ khi có đường truyền; đến lúc nào là đủ thì ghi bên cạnh."],
    ["Provisional", "The centre holds events that it could not send yet, or has not been heard of in working hours. The figures become complete by themselves when the line is back; up to when they are complete stands beside them."],
  ],
  kept_out: [
    ["Bản tin bị thành phố từ chối", "Phần mềm của trung tâm gửi bản tin sai mẫu; thành phố không nhận, hộp thư đi giữ lại. Chúng không nằm trong số liệu cho đến khi được sửa và gửi lại."],
    ["Events refused by the city", "The centre’s software reported events that are wrong; the city took none of them and the outbox keeps them aside. They are in no figure until they are put right and reported again."],
  ],
  cases: [
    ["Hồ sơ công dân", "Mỗi việc của công dân tính một lần. Các cột khác tính cả từng hồ sơ thành phần của thủ tục liên thông."],
    ["Citizens’ cases", "Each citizen’s case counts once. The other figures also count every leg of a joint procedure."],
  ],
  role: [
    ["Nơi tiếp nhận, cơ quan giải quyết", "Một hồ sơ có nơi tiếp nhận (mã đơn vị trong hồ sơ) và cơ quan phải giải quyết; hai cách đếm không trộn lẫn."],
    ["Receiving unit, competent body", "A dossier has a unit that received it and a body that must decide; the two counts are never mixed."],
  ],
  as_of: [
    ["Số liệu lúc, đồng hồ sổ ghi", "“Số liệu lúc” là giờ máy chủ nói ra số liệu. “Đồng hồ sổ ghi” là thời điểm mà quá hạn và đến hạn được xét; khi phát lại dữ liệu cũ, nó đứng ở ngày cũ."],
    ["As of, log clock", "“As of” is when the server told the figures. The log clock is the instant at which overdue and due are judged; in a replay of old data it stands in the past."],
  ],
};

let at = 0;

export const language = () => (at ? "en" : "vi");
export const speak = chosen => { at = chosen === "en" ? 1 : 0; document.documentElement.lang = language(); };
export const fieldName = key => FIELDS[key]?.[at] ?? key;
export const meaning = key => MEANINGS[key][at];

export function say(key, values = {}) {
  return WORDS[key][at].replace(/\{(\w+)\}/g, (_, name) => values[name]);
}

export function translate(root) {
  for (const it of root.querySelectorAll("[data-t]")) it.textContent = say(it.dataset.t);
}
