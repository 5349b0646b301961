"""The spellings of a missing value in a delivered cell; the engine and the parsers read the same words.

Spreadsheets, databases and languages each write their own. A column of numbers or dates accepts all of them. A column
of texts accepts fewer: "na" and "none" are possible handles, "Nat" is a name and "NA" is the code of Namibia.
"""

from __future__ import annotations

import re
from collections.abc import Iterable

_PROGRAMS = (
    *("NULL", "None", "NaN", "NaT", "<NA>", "<NULL>", "<null>", "<nil>", "<none>", "<None>", "<unset>", "N/A", "n/a"),
    *("(null)", "(NULL)", "(blank)", "(Blank)", "(empty)", "(none)", "(None)", "(not set)", "(missing)", "[null]"),
    *("[NULL]", "{null}", "NA_character_", "NA_integer_", "NA_real_", "\\N", "\\n", "-NaN", "-nan", "+nan"),
    *("1.#IND", "1.#QNAN", "-1.#IND", "-1.#QNAN", "#N/A", "#n/a", "#NA", "#N/A N/A", "#NV"),
    *("#NULL!", "#REF!", "#VALUE!", "#DIV/0!", "#NAME?", "#NUM!", "#SPILL!", "#CALC!", "#FIELD!", "#ERROR!"),
    *("#GETTING_DATA", "#BLOCKED!", "#UNKNOWN!", "#CONNECT!", "#BUSY!", "#WERT!", "#BEZUG!", "#ZAHL!", "#NOM?"),
    *("#NOMBRE?", "#VALEUR!", "#VALOR!", "#NOMBRE!", "#NOME?", "#¡VALOR!", "#¡REF!", "#¡NUM!", "#¡DIV/0!"),
    *("#¿NOMBRE?", "#N/D", "#¡N/D!", "#N/DISP", "#NB", "<N/A>", "NA()", "pd.NA", "np.nan", "\\\\N"),
    *("''", '""', "[]", "{}"),
    *(
        "#BRAK!",
        "#ARG!",
        "#ADR!",
        "#DZIEL/0!",
        "#NAZWA?",
        "#LICZBA!",
        "#Н/Д",
        "#ЗНАЧ!",
        "#ССЫЛКА!",
        "#ДЕЛ/0!",
        "#ИМЯ?",
    ),
    *("#ЧИСЛО!", "#YOK", "#DEĞER!", "#BAŞV!", "#SAYI/0!", "#AD?", "#VÄRDEFEL!", "#REFERENS!", "#SAKNAS!", "#VÆRDI!"),
    *(
        "#VERDI!",
        "#ARVO!",
        "#PUUTTUU!",
        "#WAARDE!",
        "#VERW!",
        "#DEEL/0!",
        "#DIVISION/0!",
        "#DIV/0",
        "#RIF!",
        "#INDIRIZZO!",
    ),
    *("__NULL__", "<empty>", "<missing>", "<unknown>", "%null%", "(пусто)", "(tyhjä)", "(boş)", "(tomt)", "(puste)"),
    *("(vide)", "(leer)", "(vacío)", "(en blanco)", "(vazio)", "(tom)", "(unknown)", "(not available)", "(N/A)"),
)
"""What programs write, in spellings that nobody chooses as a name."""

_PUNCTUATION = ("-", "--", "---", "–", "—", "?", "??", "???")
_ANY_CASE = ("null", "na", "nan", "nat", "nil", "none", "undefined", "n.a.", "n.a", "n/d", "n.d.", "...", "…")
_PEOPLE = (
    *("unknown", "unavailable", "not available", "not applicable", "not found", "missing", "empty", "blank"),
    *("hidden", "private", "error", "tbd", "k.a.", "k. a.", "keine angabe", "unbekannt", "s/o", "s.o.", "inconnu"),
    *("no data", "no value", "not provided", "not specified", "n.v.", "nicht verfügbar", "leer", "non disponible"),
    *("aucun", "aucune", "vide", "no disponible", "ninguno", "ninguna", "vacío", "não disponível", "nenhum", "vazio"),
    *("ikke tilgængelig", "ingen", "non disponibile", "nessuno", "inf", "-inf", "infinity", "-infinity", "tba", "*"),
    *(
        "nd",
        "s/d",
        "desconocido",
        "desconhecido",
        "ukendt",
        "i/a",
        ".",
        "not set",
        "not given",
        "not disclosed",
        "n/v",
    ),
    *(
        "keine daten",
        "keine",
        "kein",
        "pas de données",
        "pas disponible",
        "sin datos",
        "sin dato",
        "sem dados",
        "n.b.",
    ),
    *("ikke oplyst", "ukjent", "okänd", "saknas", "tuntematon", "puuttuu", "onbekend", "geen", "geen gegevens"),
    *(
        "nessun dato",
        "nessuna",
        "sconosciuto",
        "brak",
        "brak danych",
        "nieznany",
        "nieznane",
        "nie dotyczy",
        "neznámé",
    ),
    *(
        "н/д",
        "нет данных",
        "неизвестно",
        "отсутствует",
        "yok",
        "bilinmiyor",
        "belirtilmemiş",
        "veri yok",
        "不明",
        "なし",
    ),
    *(
        "無し",
        "無",
        "未設定",
        "データなし",
        "无",
        "暂无",
        "未知",
        "没有",
        "未提供",
        "無資料",
        "없음",
        "해당 없음",
        "알 수 없음",
    ),
)


def _matching(words: Iterable[str]) -> str:
    return "|".join(sorted({re.escape(word) for word in words}))


NAME_NULL_PATTERN = _matching(_PROGRAMS)
"""Matches a missing nickname."""

HANDLE_NULL_PATTERN = _matching((*_PROGRAMS, *_PUNCTUATION))
"""Matches a missing handle, id or country: exact spellings that none of them has."""

_TEXTS = (*_PROGRAMS, *_PUNCTUATION, *_ANY_CASE)
NULL_PATTERN = f"(?i:{_matching(word.lower() for word in _TEXTS)})"
"""Matches a missing text, in any case."""

NUMBER_NULL_PATTERN = f"(?i:{_matching(word.lower() for word in (*_TEXTS, *_PEOPLE))})"
"""Matches a missing number, date, or true or false, in any case."""

LONGEST_NULL_WORD = max(len(word) for word in (*_TEXTS, *_PEOPLE))
"""The number of characters of the longest spelling."""

WHITE_SPACE = " \t\n\v\f\r"
"""Characters that are stripped from both ends of a delivered cell."""
