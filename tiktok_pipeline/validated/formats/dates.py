r"""Dates as people and programs write them: ISO and its relatives, month names, seconds since 1970, day numbers.

A time with an offset is an instant: its date is the UTC day. A time without one keeps its date. The order of day and
month, and the place of a year of two digits, belong to the column, see `tiktok_pipeline.validated.formats.detect`.

`days` works in three steps, each in columns of its own: the cell is reduced to ``yyyy-mm-dd@time``, the time gives a
shift in days, and both give the date.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, timedelta
from typing import Any

import narwhals as nw

from tiktok_pipeline.validated.formats.numbers import strip_blanks
from tiktok_pipeline.warehouse.base import Engine

FIRST_DAY = date(2016, 9, 1)
"""TikTok's first month. An earlier observation is no observation of a TikTok profile."""

ORDERS = ("day-first", "month-first", "year-first")
"""The readings of a date of three numbers. ``year-first`` is only for years of two digits."""

YEAR_DAY_MONTH = "year-day-month"
"""The reading of ``2024-27-03``; in every other order, a date that starts with its year goes on with the month."""

MONTHS: Mapping[int, tuple[str, ...]] = {
    1: (
        "january",
        "januar",
        "janvier",
        "enero",
        "janeiro",
        "januari",
        "gennaio",
        "jänner",
        "jan",
        "janv",
        "ene",
        "gen",
    ),
    2: (
        *("february", "februar", "février", "fevrier", "febrero", "fevereiro", "februari", "febbraio", "feb", "febr"),
        *("févr", "fevr", "fév", "fev"),
    ),
    3: ("march", "märz", "maerz", "mars", "marzo", "março", "marco", "marts", "maart", "mar", "mär", "mrz", "mrt"),
    4: ("april", "avril", "abril", "aprile", "apr", "avr", "abr"),
    5: ("may", "mai", "mayo", "maio", "maj", "mei", "maggio", "mag"),
    6: ("june", "juni", "juin", "junio", "junho", "giugno", "jun", "giu"),
    7: ("july", "juli", "juillet", "julio", "julho", "luglio", "juil", "jul", "lug"),
    8: ("august", "août", "aout", "agosto", "augustus", "aug", "ago"),
    9: ("september", "septembre", "septiembre", "setiembre", "setembro", "settembre", "sept", "sep", "set"),
    10: ("october", "oktober", "octobre", "octubre", "outubro", "ottobre", "oct", "okt", "out", "ott"),
    11: ("november", "novembre", "noviembre", "novembro", "nov"),
    12: (
        *("december", "dezember", "décembre", "decembre", "diciembre", "dezembro", "dicembre", "dec", "dez", "déc"),
        "dic",
    ),
}
"""Names of the months in English, German, French, Spanish, Portuguese, Danish, Dutch and Italian."""

_MORE_MONTHS: Mapping[int, tuple[str, ...]] = {
    1: ("января", "январь", "янв", "stycznia", "styczeń", "sty", "ocak", "oca", "ledna"),
    2: ("февраля", "февраль", "февр", "фев", "lutego", "luty", "lut", "şubat", "şub", "února"),
    3: ("марта", "март", "мар", "marca", "marzec", "mart", "března"),
    4: ("апреля", "апрель", "апр", "kwietnia", "kwiecień", "kwi", "nisan", "nis", "dubna"),
    5: ("мая", "май", "maja", "mayıs", "května"),
    6: ("июня", "июнь", "июн", "czerwca", "czerwiec", "cze", "haziran", "haz", "června"),
    7: ("июля", "июль", "июл", "lipca", "lipiec", "lip", "temmuz", "tem", "července"),
    8: ("августа", "август", "авг", "sierpnia", "sierpień", "sie", "ağustos", "ağu", "augusti", "srpna"),
    9: ("сентября", "сентябрь", "сент", "сен", "września", "wrzesień", "wrz", "eylül", "eyl"),
    10: ("октября", "октябрь", "окт", "października", "październik", "paź", "ekim", "eki"),
    11: ("ноября", "ноябрь", "нояб", "ноя", "listopada", "listopad", "lis", "kasım", "kas"),
    12: ("декабря", "декабрь", "дек", "grudnia", "grudzień", "gru", "aralık", "ara"),
}
"""The same in Russian, Polish, Turkish, Swedish and Czech; a month that means two in these is left out."""

_WEEKDAYS = (
    *("mon", "tue", "tues", "wed", "thu", "thur", "thurs", "fri", "sat", "sun", "monday", "tuesday", "wednesday"),
    *("thursday", "friday", "saturday", "sunday", "mo", "di", "mi", "do", "fr", "sa", "so", "montag", "dienstag"),
    *("mittwoch", "donnerstag", "freitag", "samstag", "sonnabend", "sonntag", "lun", "mer", "jeu", "ven", "sam"),
    *("dim", "lundi", "mardi", "mercredi", "jeudi", "vendredi", "samedi", "dimanche", "mié", "mie", "jue", "vie"),
    *("sáb", "sab", "dom", "lunes", "martes", "miércoles", "miercoles", "jueves", "viernes", "sábado", "sabado"),
    *("domingo", "seg", "ter", "qua", "qui", "sex", "segunda-feira", "terça-feira", "quarta-feira", "quinta-feira"),
    *("sexta-feira", "man", "tir", "ons", "tor", "tors", "fre", "lør", "søn", "mandag", "tirsdag", "onsdag"),
    *("torsdag", "fredag", "lørdag", "søndag"),
)
_ZONES: Mapping[str, str] = {
    **dict.fromkeys(("utc", "gmt", "z", "wet"), "+0000"),
    "est": "-0500",
    "edt": "-0400",
    "cst": "-0600",
    "cdt": "-0500",
    "mst": "-0700",
    "mdt": "-0600",
    "pst": "-0800",
    "pdt": "-0700",
    "cet": "+0100",
    "cest": "+0200",
    "jst": "+0900",
}
_LETTER = "a-zà-ÿąćęłńóśźżğışěřčůа-яё"
_CLOCK = r"[0-9]{1,2}[:h.][0-9]{2}(?:[:.][0-9]{2}(?:[.,:][0-9]+)?)?(?: ?[ap][.]?m[.]?)?"
_OFFSET = r"(?: ?(?:utc|gmt)? ?[+-][0-9]{1,2}(?::?[0-9]{2})?| ?[a-z]{1,4})?(?: ?(?:\([^)]*\)|\[[^\]]*\]))?"
_TIME = rf"(?:(?:[ t,_:]+(?:(?:at|um|à|kl[.]?|às|a las|om) )?({_CLOCK}{_OFFSET}))|z|[+-][0-9]{{2}}:[0-9]{{2}})?$"
_SEPARATOR = r"[-/. ]{1,2}"
_YEAR_SEPARATOR = r"[-/._: ]{1,2}"
_COMPACT_DAY = "(20[0-9]{2})([0-9]{2})([0-9]{2})"
_SECONDS = "(?:[0-9]{2}(?:[.][0-9]+)?)?"
_OF = r"(?: (?:de|del|of) |[-/., ]{1,2}|)"
_NAMED_DAY = r"([0-9]{1,2})(?:st|nd|rd|th|er|º|[.])?"

# Each pattern has a year, a month, a day and a time; the orders give the groups of the three.
_YEAR_FIRST = (
    (rf"^([0-9]{{4}}){_YEAR_SEPARATOR}([0-9]{{1,2}}){_YEAR_SEPARATOR}([0-9]{{1,2}})[.]?{_TIME}", r"\1-\2-\3@\4"),
    (r"^([0-9]{4})-([0-9]{2})-([0-9]{2})[ t_][0-9]{2}-[0-9]{2}(?:-[0-9]{2})?z?$", r"\1-\2-\3@"),
    (
        rf"^{_COMPACT_DAY}[t ]?([0-9]{{2}})([0-9]{{2}}){_SECONDS}([+-][0-9]{{2}}:?[0-9]{{2}})$",
        r"\1-\2-\3@\4:\5\6",
    ),
    (r"^(20[0-9]{2})([0-9]{2})([0-9]{2})(?:[t ]?([0-9]{4})([0-9]{2})?(?:[.][0-9]+)?z?)?$", r"\1-\2-\3@"),
)
_UNAMBIGUOUS = (
    (r"^([0-9]{4})[年년] ?([0-9]{1,2})[月월] ?([0-9]{1,2})[日일](?:[ (].*)?$", r"\1-\2-\3@"),
    (rf"^{_NAMED_DAY}{_OF}#([0-9]{{2}})[.]?{_OF}([0-9]{{4}}){_TIME}", r"\3-\2-\1@\4"),
    (rf"^#([0-9]{{2}})[.]?[- ]*([0-9]{{1,2}})(?:st|nd|rd|th)?[-, ]+([0-9]{{4}}){_TIME}", r"\3-\1-\2@\4"),
    (rf"^([0-9]{{4}})[-/. ]*#([0-9]{{2}})[.]?[-/. ]*([0-9]{{1,2}}){_TIME}", r"\1-\2-\3@\4"),
    (rf"^#([0-9]{{2}}) +([0-9]{{1,2}}) ({_CLOCK}{_OFFSET}) ([0-9]{{4}})$", r"\4-\1-\2@\3"),
    (rf"^#([0-9]{{2}}) +([0-9]{{1,2}}) ({_CLOCK}) ([0-9]{{4}}) ([+-][0-9]{{4}})$", r"\4-\1-\2@\3\5"),
)
_THREE_NUMBERS = (
    (
        rf"^([0-9]{{1,2}}){_SEPARATOR}([0-9]{{1,2}}){_SEPARATOR}([0-9]{{4}}){_TIME}",
        (r"\3-\2-\1@\4", r"\3-\1-\2@\4", ""),
    ),
    (
        rf"^([0-9]{{1,2}}){_SEPARATOR}([0-9]{{1,2}}){_SEPARATOR}([0-9]{{2}}){_TIME}",
        (r"20\3-\2-\1@\4", r"20\3-\1-\2@\4", r"20\1-\2-\3@\4"),
    ),
    (
        rf"^{_NAMED_DAY}{_OF}#([0-9]{{2}})[.]?{_OF}'?([0-9]{{2}}){_TIME}",
        (r"20\3-\2-\1@\4", r"20\3-\2-\1@\4", r"20\1-\2-\3@\4"),
    ),
)
_NUMBERS: tuple[tuple[str, float, int], ...] = (
    (r"^[0-9]{5}(?:[.,][0-9]+)?$", 1.0, 25_569),
    (r"^[0-9]{9,10}(?:[.,][0-9]+)?$", 86_400.0, 0),
    (r"^[0-9]{13}(?:[.,][0-9]+)?$", 86_400e3, 0),
    (r"^[0-9]{16}(?:[.,]0+)?$", 86_400e6, 0),
    (r"^[0-9]{19}(?:[.,]0+)?$", 86_400e9, 0),
    # A spreadsheet shows few digits: with seven decimals the error is below two minutes.
    (r"^1[.,][0-9]{7,}e[+]?0?9$", 86_400.0, 0),
    (r"^1[.,][0-9]{7,}e[+]?12$", 86_400e3, 0),
)
"""Day numbers of a spreadsheet (day 25,569 is 1970-01-01), and seconds, ms, µs and ns since 1970."""


def days(
    rows: nw.LazyFrame[Any], cell: str, orders: Mapping[str, str], engine: Engine, *, latest: date
) -> nw.LazyFrame[Any]:
    """Add the date of a cell in one or more readings.

    Parameters
    ----------
    rows : LazyFrame
        Rows with the delivered text in column ``cell``.
    cell : str
        The column to read.
    orders : mapping of str to str
        The name of each new column, and the order in which it reads three numbers: one of `ORDERS`,
        `YEAR_DAY_MONTH`, or empty.
    engine : Engine
        The engine that the frame lives in.
    latest : date
        The last plausible day.

    Returns
    -------
    LazyFrame
        The same rows with a date for each of ``orders``: NULL if the cell is no date in this reading, or is before
        `FIRST_DAY` or after ``latest``.
    """
    names = list(orders)
    # Most cells of most columns are ISO dates: the engine evaluates the other branch for the rest.
    is_iso = nw.col(cell).str.contains(r"^20[0-9]{2}-[0-9]{2}-[0-9]{2}$") & nw.lit(
        YEAR_DAY_MONTH not in orders.values()
    )
    iso = nw.when(is_iso).then(nw.concat_str([nw.col(cell), nw.lit("@")]))
    text = strip_blanks(nw.col(cell)).str.replace_all("^'", "").str.replace_all(" *@ *", " ")
    named = rows.with_columns(iso.otherwise(_with_month_numbers(text)).alias("date_text"))
    text = nw.col("date_text")
    has_mark = text.str.contains("@", literal=True)
    numbers = named.with_columns(nw.when(has_mark).then(text).otherwise(_unambiguous(text)).alias("date_text"))
    read = numbers.with_columns(*(_in_order(nw.col("date_text"), orders[name]).alias(name) for name in names))
    has_date = {name: nw.col(name).str.contains(r"^[0-9]{4}-[0-9]{1,2}-[0-9]{1,2}@") for name in names}
    split = read.with_columns(
        *(
            nw.when(has_date[name]).then(nw.col(name).str.replace_all("@.*$", "")).alias(f"{name}_text")
            for name in names
        ),
        *(nw.when(has_date[name]).then(_zoned_time(nw.col(name))).alias(f"{name}_time") for name in names),
        _day_of_number(nw.col("date_text")).alias("date_number"),
    ).with_columns(*(_shift(nw.col(f"{name}_time")).alias(f"{name}_shift") for name in names))
    cast = engine.try_cast(split, {f"{name}_text": "date" for name in names})
    epoch = nw.lit(date(1970, 1, 1))
    dated = cast.with_columns(
        *(
            nw.when(~nw.col("date_number").is_null())
            .then(epoch + nw.col("date_number"))
            .otherwise(nw.col(f"{name}_text") + nw.col(f"{name}_shift"))
            .alias(name)
            for name in names
        )
    )
    plausible = [
        nw.when((nw.col(name) >= nw.lit(FIRST_DAY)) & (nw.col(name) <= nw.lit(latest))).then(nw.col(name)).alias(name)
        for name in names
    ]
    helpers = [
        "date_text",
        "date_number",
        *(f"{name}_{part}" for name in names for part in ("text", "time", "shift")),
    ]
    return dated.with_columns(*plausible).drop(*helpers)


def latest_day(today: date) -> date:
    """Return the last plausible day of an observation: in some time zones it is tomorrow already."""
    return today + timedelta(days=1)


def _with_month_numbers(text: nw.Expr) -> nw.Expr:
    """Replace the name of a month by ``#`` and its number, and drop the name of a weekday."""
    named = text.str.replace_all(r"^/date\(([0-9]+)[^)]*\)/$", r"\1")
    weekdays = "|".join(sorted(_WEEKDAYS, key=len, reverse=True))
    named = named.str.replace_all(rf"^(?:{weekdays})[.]?,? +([0-9{_LETTER}])", r"\1")
    named = named.str.replace_all(rf"^mar[.]?,? +([0-9]{{1,2}}[.]? +[{_LETTER}])", r"\1")
    named = named.str.replace_all("([0-9]) г[.]?(,|$)", r"\1\2")  # "2024 г.": of the year, in Russian
    for number, names in MONTHS.items():
        words = "|".join(sorted((*names, *_MORE_MONTHS[number]), key=len, reverse=True))
        named = named.str.replace_all(rf"(^|[^{_LETTER}#])(?:{words})([^{_LETTER}]|$)", rf"\1#{number:02}\2")
    return nw.when(text.str.contains(f"[{_LETTER}]{{2}}")).then(named).otherwise(text)


def _unambiguous(text: nw.Expr) -> nw.Expr:
    for pattern, order in _UNAMBIGUOUS:
        text = text.str.replace_all(pattern, order)
    return text


def _in_order(text: nw.Expr, order: str) -> nw.Expr:
    """Return a text of three numbers as ``yyyy-mm-dd@time``; unchanged if the order cannot read it."""
    arranged = text
    for pattern, replacement in _YEAR_FIRST:
        swapped = replacement.replace(r"\2-\3", r"\3-\2") if order == YEAR_DAY_MONTH else replacement
        arranged = arranged.str.replace_all(pattern, swapped)
    if order not in ORDERS:
        return nw.when(text.str.contains("@", literal=True)).then(text).otherwise(arranged)
    for pattern, replacements in _THREE_NUMBERS:
        replacement = replacements[ORDERS.index(order)]
        if replacement:
            arranged = arranged.str.replace_all(pattern, replacement)
    return nw.when(text.str.contains("@", literal=True)).then(text).otherwise(arranged)


def _zoned_time(dated: nw.Expr) -> nw.Expr:
    """Return the time behind ``@`` with its zone as an offset; empty if it has none."""
    time = dated.str.replace_all("^[^@]*@", "").str.replace_all(r" ?(\([^)]*\)|\[[^\]]*\])$", "")
    for zone, offset in _ZONES.items():
        time = time.str.replace_all(rf"([0-9m.]) ?{zone}$", rf"\1{offset}")
    return nw.when(dated.str.contains("@.*[a-z+-]")).then(time).otherwise(nw.lit(""))


def _shift(time: nw.Expr) -> nw.Expr:
    """Return the days from the written date to the UTC day of a time with an offset; NULL for an unknown zone."""
    pattern = r"^([0-9]{1,2})[:h.]([0-9]{2})[^+-]*(?:utc|gmt)? ?([+-])([0-9]{1,2}):?([0-9]{2})?$"

    def part(group: int) -> nw.Expr:
        # A leading zero makes a number of a missing part.
        return nw.concat_str([nw.lit("0"), time.str.replace_all(pattern, rf"\{group}")]).cast(nw.Int32)

    offset = part(4) * 60 + part(5)
    west = nw.when(time.str.contains("[+]")).then(-offset).otherwise(offset)
    minutes = part(1) * 60 + part(2) + west
    shifted = nw.when(minutes < 0).then(nw.lit(-1)).when(minutes >= 1440).then(nw.lit(1)).otherwise(nw.lit(0))
    is_local = (time == nw.lit("")) | time.str.contains(r"^[^+-]*[ap][.]?m[.]?$")
    is_zero = time.str.contains(r"[+-]0{1,2}:?(00)?$")
    has_clear_hour = time.str.contains(pattern) & ~time.str.contains(r"[ap][.]?m")
    return nw.when(is_local | is_zero).then(nw.lit(0)).when(has_clear_hour).then(shifted).cast(nw.Int32)


def _day_of_number(text: nw.Expr) -> nw.Expr:
    """Return the days since 1970 of a number that counts days, seconds or parts of a second."""
    branches: Any = nw
    number = text.str.replace_all(",", ".", literal=True).cast(nw.Float64)
    for pattern, unit, first in _NUMBERS:
        branches = branches.when(text.str.contains(pattern)).then((number / unit).floor() - first)
    result: nw.Expr = branches.cast(nw.Int32)
    return result
