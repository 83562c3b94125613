"""The verdict rests on evidence: what is proven to be missing is damage, a mere claim is a note."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from similubot_ffmpeg.verdict import Evidence, decide, tolerance


def test_a_source_of_which_all_was_decoded_is_whole() -> None:
    verdict = decide(Evidence(20.0, claimed=20.02, packets=862))
    assert (verdict.whole, verdict.damage, verdict.notes) == (True, "", ())


def test_a_claim_that_nothing_supports_is_a_note() -> None:
    verdict = decide(Evidence(20.0, claimed=600.0, packets=862))
    assert verdict.whole
    assert verdict.notes == ("the file says 10m 0s, but all 20.0s that are in it were converted",)


def test_a_source_without_its_end_lacks_what_it_claims() -> None:
    verdict = decide(Evidence(13.2, claimed=20.0, end_is_missing=True))
    assert (verdict.whole, verdict.damage) == (False, "only 13.2s of 20.0s could be converted")


def test_a_source_without_its_end_and_without_a_claim_is_cut_off() -> None:
    verdict = decide(Evidence(13.2, end_is_missing=True))
    assert verdict.damage == "it is cut off at its end, and only its first 13.2s could be converted"


def test_what_is_missing_of_bytes_is_missing_of_the_length() -> None:
    verdict = decide(Evidence(10.0, claimed=17.3, end_is_missing=True, share=0.5))
    assert verdict.damage == "only 10.0s of 20.0s could be converted"


def test_an_end_that_lacks_no_audio_is_no_damage() -> None:
    assert decide(Evidence(20.0, claimed=20.05, end_is_missing=True)).whole
    assert decide(Evidence(20.0, end_is_missing=True, share=0.9999)).whole


def test_packets_that_the_decoder_refused_support_a_claim() -> None:
    assert decide(Evidence(13.2, claimed=20.0, packets=127, errors=1)).damage == (
        "only 13.2s of 20.0s could be converted"
    )
    assert not decide(Evidence(13.2, claimed=20.0, last_packet_is_cut=True)).whole


def test_a_scratch_is_a_note_and_a_hole_is_damage() -> None:
    scratch = decide(Evidence(8.0, packets=307, errors=3))
    assert (scratch.whole, scratch.notes) == (True, ("damaged places left out",))
    assert decide(Evidence(16.0, packets=1000, errors=200)).damage == (
        "about 4.0s of 20.0s cannot be decoded"
    )


def test_a_stream_that_ends_within_a_packet_is_whole_with_a_note() -> None:
    verdict = decide(Evidence(13.2, last_packet_is_cut=True))
    assert verdict.whole
    assert verdict.notes == ("the source ends within a piece of audio, which was left out",)


def test_what_ffmpeg_stopped_at_is_missing() -> None:
    damage = "after its first 6.0s comes something that FFmpeg cannot read"
    assert decide(Evidence(6.0, stopped=True)).damage == damage
    assert decide(Evidence(6.0, claimed=12.0, stopped=True)).damage == damage
    assert decide(Evidence(6.0, claimed=6.02, stopped=True)).whole


def test_zeros_in_place_of_audio_are_missing_audio() -> None:
    assert decide(Evidence(4.2, blank=0.3)).damage == (
        "about 1.8s of 6.0s are missing, with zeros in their place"
    )
    assert decide(Evidence(4.2, claimed=6.0, blank=0.3)).damage == (
        "only 4.2s of 6.0s could be converted"
    )
    assert not decide(Evidence(0.0, blank=1.0)).notes


def test_a_few_zeros_are_padding() -> None:
    assert decide(Evidence(20.0, blank=0.01)).whole
    assert decide(Evidence(20.0, claimed=600.0, blank=0.01)).whole


@pytest.mark.parametrize("claimed", [None, 5.0, 20.0])
def test_more_than_was_claimed_is_whole(claimed: float | None) -> None:
    assert decide(Evidence(40.0, claimed=claimed)).whole


seconds = st.floats(0.001, 100_000)


@given(
    converted=seconds,
    claimed=st.none() | seconds,
    missing=st.booleans(),
    share=st.none() | st.floats(0, 1),
    cut=st.booleans(),
    packets=st.integers(0, 10**7),
    errors=st.integers(0, 10**7),
)
def test_any_evidence_has_a_verdict_and_proof_decides(
    converted: float,
    claimed: float | None,
    missing: bool,
    share: float | None,
    cut: bool,
    packets: int,
    errors: int,
) -> None:
    seen = Evidence(converted, claimed, missing, share, cut, packets, min(errors, packets))
    verdict = decide(seen)
    assert verdict.whole == (verdict.damage == "")
    if not missing and not cut and not seen.errors:
        assert verdict.whole
    if missing and claimed is not None and claimed > converted + tolerance(claimed):
        assert not verdict.whole or (share is not None and 0 < share < 1)
