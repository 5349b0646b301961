"""The words that multiply a number, behind it or in the name of its column: K, Mio., lakh."""

from __future__ import annotations

from collections.abc import Mapping

MULTIPLIERS: Mapping[int, tuple[str, ...]] = {
    3: (
        *("k", "mil", "tsd", "tsd.", "t", "thousand", "tausend", "mille", "mila", "miles", "tusind", "tusinde"),
        *("tusen", "tys.", "tys", "тыс", "тыс.", "bin", "rb", "ribu", "千", "천"),
    ),
    4: ("万", "萬", "만", "w"),
    5: ("lakh", "lakhs", "lac", "л"),
    6: (
        *("m", "mio", "mio.", "mill", "mill.", "mln", "mln.", "mn", "million", "millions", "millionen", "million(s)"),
        *("millones", "millón", "millon", "milhões", "milhão", "milhoes", "milioni", "milione", "millioner", "mi"),
        *("millioen", "miljoen", "milj.", "milj", "mi.", "млн", "млн.", "jt", "juta", "百万"),
    ),
    7: ("crore", "crores", "cr", "千万"),
    8: ("亿", "億", "억"),
    9: (
        *("b", "bn", "mrd", "mrd.", "mia", "mia.", "md", "mds", "mld", "mld.", "milliard", "milliards", "milliarden"),
        *("milliarder", "billion", "billions", "miliardi", "bi", "млрд", "млрд.", "g"),
    ),
}
"""Words behind a number, by the power of ten that they mean. Words with two meanings are left out."""
