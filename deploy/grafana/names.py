"""What series are called whose label is a code, and in which colour each is drawn, the same on every page."""

from collections.abc import Mapping
from typing import Final

# Told apart with any eyes, on a dark and on a light page (Okabe and Ito), in the order in which lines take them.
SKY, AMBER, SEA, PINK, RUST, NAVY, GREY = "#56B4E9", "#E69F00", "#009E73", "#CC79A7", "#D55E00", "#0072B2", "#8E8E8E"
COLOURS: Final = (SKY, AMBER, SEA, PINK, RUST, NAVY, GREY)

# A label's value -> what is read, and its colour.
Names = Mapping[str, tuple[str, str]]

# Of the portal's states those in which a dossier is open.
STATES: Final[Names] = {
    "1": ("mới đăng ký", SKY),
    "2": ("được tiếp nhận", NAVY),
    "4": ("đang xử lý", SEA),
    "5": ("chờ bổ sung giấy tờ", AMBER),
    "6": ("chờ nghĩa vụ tài chính", PINK),
    "8": ("tạm dừng xử lý", GREY),
}
CHANNELS: Final[Names] = {"direct": ("trực tiếp", AMBER), "online": ("trực tuyến", SKY), "post": ("bưu chính", PINK)}
TIMELINESS: Final[Names] = {
    "early": ("trước hạn", SKY),
    "on_time": ("đúng hạn", NAVY),
    "late": ("quá hạn", RUST),
    "without_due": ("không có thời hạn", GREY),
}
WITHIN: Final[Names] = {"24h": ("trong 24 giờ", AMBER), "72h": ("trong 72 giờ", SKY)}
LINKS: Final[Names] = {
    "up": ("tốt", SKY),
    "degraded": ("chậm", AMBER),
    "unknown": ("không rõ", GREY),
    "down": ("mất", RUST),
}
# What became of a record on arrival, and what it counts as now.
OUTCOMES: Final[Names] = {
    "applied": ("được áp dụng", SKY),
    "duplicate": ("trùng", NAVY),
    "parked": ("đang chờ", AMBER),
    "rejected": ("bị loại", RUST),
    "annulled": ("bị hủy", PINK),
    "tick": ("nhịp đồng hồ", GREY),
    "control": ("điều khiển", SEA),
    "none": ("không có tình trạng", "#F0E442"),
}
# Of intake, whose other outcomes are codes of docs/BAD_INPUTS.md.
STORED: Final[Names] = {"stored": ("đã lưu", SKY)}
DISPOSITIONS: Final[Names] = {"counted": ("đã đếm", SKY), "redelivered": ("gửi lại, bỏ qua", AMBER)}
LOOKS: Final[Names] = {
    "clean": ("khớp", SKY),
    "differences": ("có sai khác", RUST),
    "could_not_run": ("không chạy được", AMBER),
}
OWNERS: Final[Names] = {"platform": ("vận hành", SKY), "centres": ("trung tâm", AMBER), "leaders": ("lãnh đạo", PINK)}
