"""What a file's EXIF says of the shot: a phone's photo, a scan and a picture from the web differ in it."""

from __future__ import annotations

import io

EXIF = ("orientation", "camera", "date", "place")
_ORIENTATION, _MAKE, _MODEL, _DATE, _PLACE = 0x0112, 0x010F, 0x0110, 0x0132, 0x8825


def exif_of(data: bytes) -> dict[str, float]:
    """The orientation (1 to 8; 0 where it says none), and 0 or 1 for a camera, a date and a place (GPS).

    A file that is no image, or without EXIF, has zeros.
    """
    from PIL import Image

    try:
        with Image.open(io.BytesIO(data)) as image:
            said = image.getexif()
            values = (
                float(int(said.get(_ORIENTATION, 0))),
                float(_MAKE in said or _MODEL in said),
                float(_DATE in said),
                float(_PLACE in said),
            )
    except Exception:
        # a damaged EXIF says nothing, whatever Pillow stumbled over
        values = (0.0,) * 4
    return dict(zip(EXIF, values, strict=True))
