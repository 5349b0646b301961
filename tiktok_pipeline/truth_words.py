"""The words that mean true or false in a delivered cell, in small letters."""

from __future__ import annotations

import re

from tiktok_pipeline.missing_values import NUMBER_NULL_PATTERN, WHITE_SPACE

TRUE_WORDS = ("true", "t", "yes", "y", "1")
FALSE_WORDS = ("false", "f", "no", "n", "0")
MORE_TRUE_WORDS = (
    *("1.0", "1,0", "wahr", "ja", "j", "vrai", "oui", "o", "verdadero", "verdadeiro", "sí", "si", "sim", "s", "sand"),
    *("sandt", "sant", "vero", "waar", "prawda", "tak", "да", "истина", "on", "verified", "✓", "✔", "✔️", "✅"),
    *("是", "真", "doğru", "evet", "x", "checked", "☑", "-1", "1.00", "verified account", "verifiziert", "vérifié"),
    *(
        "verificado",
        "verificada",
        "verificato",
        "verificeret",
        "geverifieerd",
        "はい",
        "有",
        "예",
        "네",
        "ano",
        "kyllä",
    ),
    *(
        "tosi",
        "認証済み",
        "已认证",
        "인증됨",
        "zweryfikowany",
        "подтвержден",
        "подтверждён",
        "doğrulanmış",
        "verifierad",
    ),
)
"""What other programs and languages write for true; the fast path of validation leaves these to the parser."""
MORE_FALSE_WORDS = (
    *("0.0", "0,0", "falsch", "nein", "faux", "non", "falso", "não", "nao", "falsk", "nej", "nei", "onwaar", "nee"),
    *("fałsz", "nie", "нет", "ложь", "off", "unverified", "not verified", "✗", "✘", "❌", "否", "假", "yanlış"),
    *("hayır", "unchecked", "☐", "0.00", "nicht verifiziert", "non vérifié", "no verificado", "não verificado"),
    *("non verificato", "ikke verificeret", "niet geverifieerd", "いいえ", "아니오", "아니요", "ne", "ei", "epätosi"),
    *(
        "falskt",
        "未認証",
        "未认证",
        "미인증",
        "niezweryfikowany",
        "не подтвержден",
        "не подтверждён",
        "doğrulanmamış",
    ),
)

DENIAL = (
    f"^[{WHITE_SPACE}]*((?i:{'|'.join(map(re.escape, (*FALSE_WORDS, *MORE_FALSE_WORDS)))})"
    f"|{NUMBER_NULL_PATTERN})?[{WHITE_SPACE}]*$"
)
"""Matches a cell that is empty, missing or false: whatever else a flag says must not be passed over."""
