"""What may stand in a cell, a header or a file's name and was not meant: wrong types, odd numbers, hostile text."""

from __future__ import annotations

WRONG = (
    "many", "true", "[1, 2]", "{}", "12,3", "1.2.3", "0x1F", "½", "１２３", "٣", " ", "\t", "null", "None", "N/A",
    "-", "--", "+5", "1 000", "1_000", "12abc", "1.2M", "3k", "1,2,3", "1,234,567", "-1", "1.5", "''", "false", "0.0",
    "%", "12 %",
)  # fmt: skip

NUMBERS = (
    "9" * 25, "9" * 400, "1e308", "1e309", "-1e309", "NaN", "nan", "Infinity", "-Infinity", "inf", "-0", "-0.0",
    "1e15", "1e16", "1E+15", "1000000000000001", str(2**63 - 1), str(2**63), str(-(2**63)), "0." + "0" * 400 + "1",
    "4.9e-324", "1e-400", "000000000000000000000012", "999999.999999b", "9e99", "1e999", "0.1e-320", "." * 3, ".5",
    "5.", "1e+00",
)  # fmt: skip

DATES = (
    "2024-02-30", "2024-13-01", "0000-00-00", "0001-01-01", "9999-12-31", "10000-01-01", "-2024-01-01", "2024-3-1",
    "20240301", "1709251200", "1709251200000", "01/03/2024", "03/01/24", "31-02-2024", "29-02-2023", "29-02-2024",
    "1 March 2024", "March", "2024-03-01T25:00:00Z", "2024-03-01T00:00:00+99:99", "2024-03-01 ", "２０２４-03-01",
    "infinity", "epoch", "now", "today", "2024-03-01 (BC)", "44-03-15 (BC)", "2024-W09-5", "2024-061", "294247-01-10",
    "99999999-01-01",
)  # fmt: skip

AGES = (
    "true", "TRUE", "True", " true ", "t", "T", "yes", "YES", "y", "Y", "1", "1.0", "01", "+1", "wahr", "oui", "on",
    "2", "-1", "true\u200b", "ｔｒｕｅ", "\u202etrue", "tru\u0435", "null", "None", "", "false", "FALSE", "0", "no",
    "n", "true false", "'true'", '"true"', "[true]", "under 18", "17", "NaN", "undefined", "true\x00",
)  # fmt: skip

HOSTILE = (
    "'; drop table raw.profiles; --", "') ; attach '/etc/passwd' as x; --", "${jndi:ldap://example.org/a}", "{{7*7}}",
    "%s%n%d", "<script>alert(1)</script>", "<img src=x onerror=alert(1)>", "</td></tr></table>", "&lt;b&gt;",
    "[red]x[/red]", "=1+1", "=cmd|' /C calc'!A0", "+1", "-1", "@SUM(A1)", "\t=1+1", "＝1+1", "\x1b[31mred\x1b[0m",
    "\x1b]0;title\x07", "\x1b[2J\x1b[H", "\x9b31m", "\x1f", "a\x1fb: missing", "\x02\x1f\x03", "\x00", "a\x00b",
    "\x08\x7f\x1a\x04", "\u202egpj.exe", "\u2028", "\u2029", "\x85", "\x0b\x0c", "\ufeff", "\ufffe", "\uffff",
    "é" * 3, "e\u0301" * 200, "👩‍👩‍👧‍👦" * 40, "\U000e0041", "../../etc/passwd", "file:///etc/passwd", "{}", "[]",
    "null", '"', '""', '"""', "'", "\\", "\\N", "\\n", "\\u0000", "a,b;c\td", "a\nb", "a\r\nb", "a\rb", "$1", "\\1",
    "(?s).*", "█", "@", "@@@", "https://www.tiktok.com/@", "https://www.tiktok.com/@a/../b", "account_id",
    "followers", "likes: 5 is not a count", "cell_0", "undefined", "ﷺ" * 50, "İıſK", "ß" * 65, "\u00ad",
)  # fmt: skip

HEADERS = (
    "", " ", "\t", "\ufefffollowers", "followers\u200b", "f\u043ellowers", '"', "'", '"followers"', "a,b", "a;b",
    "a\nb", "a\rb", "a\x00b", "\x1b[31mred", "x" * 5_000, "source_row", "file_row_number", "read_problem", "cell_0",
    "overflow", "extra", "json", "filename", "snapshot", "problems", "*", "1", "select", "'; drop table x; --", "a.b",
    "a/b~c", "$.a", "🎬", "\u202ered", "%s", "timestamp (2)", "likes_receieved", "username", "User ID",
    "is_under_age_18",
)  # fmt: skip

NAMES = (
    "two words", " starts with a blank", "ends with a blank ", "it's", 'say "hi"', "a;b", "a&&b|c", "$(id)", "`id`",
    "$HOME", "a*b?", "--snapshot=2001-01-01", "-rf", "a\nb", "a\r\nsecond line", "a\tb", "\x1b[31mred\x1b[0m", "\x07",
    "\x7f", "a\\b", "..\\..\\evil", "../evil".replace("/", "\u2215"), "%2e%2e%2fevil", "a..b", "a..", "...",
    ".hidden", "CON", "nul", "x" * 245, "é" * 122, "🎬" * 61, "🎬", "профили", "配置", "\u202efdp", "e\u0301",
    "\u200b", "caf\udce9", "\udcff\udcfe", "manifest.json", "manifest", "coming-", "[abc]", "{a,b}", "a.csv.gz.tmp",
    "a~", "#a#", "a=b", "2024-02-31", "20240301", "9999-99-99", "snapshot=x", "<b>bold", "%s%d", "{name}",
    "a'); drop table x; --", "a\u2028b", "\ufeffa", "NULL", "0", "_", "aux.why.txt",
)  # fmt: skip

NAME_ENDINGS = (
    ".CSV",
    ".Csv",
    ".csv ",
    ".csv.GZ",
    ".csv\n",
    ".csv.",
    ".cvs",
    ".txt",
    ".csv.csv",
    ".gz",
    ".zip",
    "",
    ".xlsx",
    ".why.txt",
)

STEERING_NAMES = (
    "a\nb", "a\r\nb", "a\tb", "\x1b[31mred\x1b[0m", "\x1b]0;title\x07", "\x07", "\x7f", "\x9b31m", "\u202efdp",
    "a\u2028b", "caf\udce9", "\udcff\udcfe", "a\x0bb", "\x85",
)  # fmt: skip
"""Names that a terminal would obey, or that are no text at all (bytes that are not UTF-8)."""
