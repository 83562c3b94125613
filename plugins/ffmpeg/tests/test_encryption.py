"""Encrypted audio that FFmpeg decodes to noise without an error is named for what it is."""

import struct
from pathlib import Path

import pytest

from similubot_ffmpeg import AudioConverter
from similubot_loopback.media import make_sound

MEDIA = Path(__file__).parent / "media"
CONTENT_ENCRYPTION = bytes.fromhex("fbb3112223bdd211b4b700a0c955fc6e")


@pytest.fixture
def protected(maker: Path, tmp_path: Path) -> Path:
    """Windows Media audio whose header names its protection, as 7.3.1 of the ASF specification."""
    file = make_sound(tmp_path / "a.wma", 2.0, maker, "-c:a", "wmav2")
    data = bytearray(file.read_bytes())
    length, count = struct.unpack_from("<QI", data, 16)
    texts = (b"secret", b"DRM\0", b"key\0", b"http://example.org/\0")
    content = b"".join(struct.pack("<I", len(text)) + text for text in texts)
    added = CONTENT_ENCRYPTION + struct.pack("<Q", 24 + len(content)) + content
    struct.pack_into("<QI", data, 16, length + len(added), count + 1)
    file.write_bytes(data[:length] + added + data[length:])
    return file


def test_windows_media_drm_is_named(protected: Path, converter: AudioConverter) -> None:
    ok, _, error = converter.convert_to_aac(protected)
    assert not ok
    assert error == (
        "a.wma is protected by Windows Media DRM, so its audio cannot be read; get it without copy "
        "protection."
    )


@pytest.mark.parametrize("bitrate", [None, 64])
def test_the_encryption_of_matroska_and_webm_is_named(
    bitrate: int | None, converter: AudioConverter
) -> None:
    ok, _, error = converter.convert_to_aac(MEDIA / "encrypted.webm", bitrate)
    assert not ok
    assert error is not None
    assert "is protected by the encryption of Matroska and WebM, so its audio cannot be" in error
