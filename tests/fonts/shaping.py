"""Makes shaping.ttf, a font of rectangles with the two rules of real fonts that change how many glyphs a
text has: lam and alef join, and the Thai vowel am (which shapers split) has glyphs for both its parts.

Needs fonttools: python tests/fonts/shaping.py
"""

from pathlib import Path

from fontTools.fontBuilder import FontBuilder
from fontTools.pens.ttGlyphPen import TTGlyphPen

WIDTHS = {".notdef": 600, "space": 600, "lam": 400, "alef": 300, "lam_alef": 500}
WIDTHS |= {"ko": 600, "am": 600, "nikhahit": 0, "aa": 500}
CHARACTERS = {0x644: "lam", 0x627: "alef", 0xE01: "ko", 0xE33: "am", 0xE4D: "nikhahit", 0xE32: "aa"}
FEATURES = """
languagesystem DFLT dflt;
languagesystem arab dflt;
feature rlig { sub lam alef by lam_alef; } rlig;
"""


def rectangle(width: int):
    pen = TTGlyphPen(None)
    if width:
        pen.moveTo((50, 0))
        pen.lineTo((50, 700))
        pen.lineTo((width - 50, 700))
        pen.lineTo((width - 50, 0))
        pen.closePath()
    return pen.glyph()


font = FontBuilder(1000, isTTF=True)
font.setupGlyphOrder(list(WIDTHS))
font.setupCharacterMap({0x20: "space"} | CHARACTERS)
font.setupGlyf({name: rectangle(width) for name, width in WIDTHS.items()})
font.setupHorizontalMetrics({name: (width, 50) for name, width in WIDTHS.items()})
font.setupHorizontalHeader(ascent=800, descent=-200)
font.setupNameTable({"familyName": "Shaping", "styleName": "Regular"})
font.setupOS2(sTypoAscender=800, sTypoDescender=-200, usWinAscent=800, usWinDescent=200)
font.setupPost()
font.addOpenTypeFeatures(FEATURES)
font.setupHead(unitsPerEm=1000, created=0, modified=0)
font.font.recalcTimestamp = False
font.save(Path(__file__).with_suffix(".ttf"))
