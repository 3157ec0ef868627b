"""The status page for the clerk, in Vietnamese, whole in itself: it must work when nothing else does."""

from html import escape
from typing import Literal

from contracts import instants
from services.edge.store.errors import StoreError
from services.edge.told import OutboxTold

# Of the centre's own software: as they should be, the former ones of a file that is broken now, or not a single one.
Keys = Literal["well", "former", "none"]
REFRESH_SECONDS = 10
_MINUTE, _HOUR, _DAY = 60, 3600, 86400

_LINK = {
    "up": ("tot", "Đang kết nối với thành phố"),
    "slow": ("cham", "Kết nối chậm, hồ sơ vẫn đang được gửi"),
    "down": ("hong", "Mất kết nối với thành phố; hồ sơ được giữ an toàn tại máy này"),
    "unknown": ("cham", "Chưa rõ tình trạng kết nối"),
}
_FAULT = {
    "disk_full": "Ổ đĩa đã đầy. Hãy giải phóng dung lượng.",
    "read_only": "Không ghi được vào thư mục lưu trữ. Hãy báo quản trị viên kiểm tra quyền ghi.",
    "damaged": "Tệp lưu trữ bị hỏng. Không xóa tệp này; hãy báo quản trị viên.",
    "moved": "Tệp lưu trữ đã bị di chuyển. Hãy báo quản trị viên.",
    "in_use": "Một chương trình khác đang dùng hộp gửi này. Hãy báo quản trị viên.",
    "store_failing": "Ổ đĩa có sự cố. Hãy báo quản trị viên.",
}
_TROUBLE = {
    "key_refused": "Thành phố không chấp nhận khóa truy cập của trung tâm. Hãy báo quản trị viên.",
    "no_key": "Chưa cài khóa truy cập của trung tâm. Hãy báo quản trị viên.",
    "not_intake": "Có thiết bị khác trả lời thay hệ thống của thành phố (ví dụ trang đăng nhập mạng). "
    "Hãy đăng nhập mạng hoặc báo quản trị viên.",
}
_REFUSED = {
    "unknown_unit": "mã đơn vị chưa có trong danh mục",
    "unit_not_allowed": "trung tâm chưa được cấp quyền cho đơn vị này",
    "invalid_data": "nội dung không đúng quy định",
    "invalid_envelope": "thông tin chung không đúng quy định",
    "time_out_of_range": "thời điểm không hợp lệ; hãy kiểm tra đồng hồ máy",
    "too_large": "bản tin quá lớn",
    "unknown_type": "không có loại bản tin này",
    "control_type": "loại bản tin chỉ dành cho hệ thống",
    "unknown_attribute": "có thông tin không thuộc mẫu",
    "receiver_not_source": "nơi tiếp nhận không phải là đơn vị gửi",
    "unreadable": "không đọc được bản tin",
    "refused": "không rõ lý do",
}
_STYLE = """body{font:18px/1.5 system-ui,sans-serif;max-width:44rem;margin:2rem auto;padding:0 1rem;color:#1b1b1b}
h1{font-size:1.5rem}h2{font-size:1.15rem}.o{border-left:.5rem solid;padding:.6rem 1rem;margin:1rem 0;background:#f6f6f4}
.tot{border-color:#1a7f37}.cham{border-color:#b58100}.hong{border-color:#c0261c}
table{border-collapse:collapse;width:100%}td{padding:.3rem .5rem;border-top:1px solid #ddd}td:last-child{text-align:right}
footer{color:#666;font-size:.85rem;margin-top:2rem}"""


def page(told: OutboxTold | None, fault: StoreError | None, trouble: str | None, now: int, keys: Keys = "well") -> str:
    """The whole page; `keys` are those of the centre's own software, without which nothing can be handed in."""
    if told is None:
        code = "store_failing" if fault is None else fault.code
        parts = [_box("hong", f"Không nhận được hồ sơ. {_FAULT.get(code, _FAULT['store_failing'])}")]
    else:
        # What keeps the line from working says more than that it does not.
        line = _box("hong", _TROUBLE[trouble]) if trouble in _TROUBLE and told.link != "up" else _box(*_LINK[told.link])
        parts = [*_of_keys(keys), line, *_warnings(told), _figures(told), _quarantine(told)]
    at = instants.show(now - now % instants.SECOND)
    return f"""<!doctype html>
<html lang="vi"><head><meta charset="utf-8"><meta http-equiv="refresh" content="{REFRESH_SECONDS}">
<meta name="viewport" content="width=device-width"><title>Hộp gửi hồ sơ</title><style>{_STYLE}</style></head>
<body><h1>Hộp gửi hồ sơ của trung tâm</h1>
{"".join(parts)}
<footer>Cập nhật lúc {at[11:19]} ngày {at[8:10]}/{at[5:7]}/{at[:4]}. Trang tự làm mới sau {REFRESH_SECONDS} giây.</footer>
</body></html>
"""


def _of_keys(keys: Keys) -> list[str]:
    if keys == "none":
        return [_box("hong", "Không nhận được hồ sơ: chưa có khóa nào cho phần mềm của trung tâm. Hãy báo quản trị viên.")]
    if keys == "former":
        return [_box("cham", "Tệp khóa bị lỗi; các khóa cũ vẫn được dùng. Hãy báo quản trị viên.")]
    return []


def _warnings(told: OutboxTold) -> list[str]:
    found = []
    if told.full is not None:
        found.append(_box("hong", "Hộp gửi đã đầy: không nhận thêm hồ sơ mới. Hồ sơ đã nhận vẫn được giữ nguyên."))
    elif told.alarm:
        # Or the disk has no room left to hold back, however little the outbox holds.
        found.append(_box("cham", f"Hộp gửi hoặc ổ đĩa sắp đầy (hộp gửi đã dùng {told.fill:.0%}). Hãy báo quản trị viên."))
    if told.heartbeats_refused:
        codes = sorted(set(told.heartbeats_refused.values()))
        why = "; ".join(_REFUSED.get(code, code) for code in codes)
        found.append(_box("cham", f"Thành phố không nhận báo cáo tình trạng của trung tâm ({why}). Hãy báo quản trị viên."))
    offset = told.clock_offset_seconds
    if offset is not None and abs(offset) > _MINUTE:
        side = "nhanh" if offset > 0 else "chậm"
        found.append(_box("cham", f"Đồng hồ máy này {side} {_time(abs(offset))} so với thành phố. Hãy chỉnh lại."))
    return found


def _figures(told: OutboxTold) -> str:
    rows = [
        ("Bản tin chờ gửi", _count(told.depth)),
        ("Chờ lâu nhất", _time(told.oldest_age_seconds) if told.depth else "không có"),
        ("Mức đầy", f"{told.fill:.1%}".replace(".", ",")),
    ]
    return _table(rows)


def _quarantine(told: OutboxTold) -> str:
    if not told.quarantined:
        return ""
    rows = [(_REFUSED.get(code, code), _count(count)) for code, count in told.quarantined.items()]
    return "<h2>Bị thành phố từ chối, cần xem lại</h2>" + _table(rows)


def _table(rows: list[tuple[str, str]]) -> str:
    return (
        "<table>" + "".join(f"<tr><td>{escape(name)}</td><td>{escape(value)}</td></tr>" for name, value in rows) + "</table>"
    )


def _box(kind: str, text: str) -> str:
    return f'<div class="o {kind}">{escape(text)}</div>'


def _count(number: int) -> str:
    return f"{number:,}".replace(",", ".")


def _time(seconds: float) -> str:
    for size, name in ((_DAY, "ngày"), (_HOUR, "giờ"), (_MINUTE, "phút")):
        if seconds >= size:
            return f"{int(seconds // size)} {name}"
    return f"{int(seconds)} giây"
