"""Every hazard between threads that was found once has a test that failed before it was mended, and keeps it."""

from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2] / "tests"

HAZARDS = {
    "SIGTERM threw away what had been accepted and not heard": (
        "daemon/test_pressed.py::test_what_was_accepted_before_sigterm_is_heard_out",
        "daemon/test_pressed.py::test_a_backlog_too_long_to_hear_out_is_dropped_and_told",
    ),
    "the fixed words took any phrase as in force, and all ten fired": (
        "spotters/test_fixed.py::test_what_cannot_be_heard_is_refused_and_the_old_list_stays",
        "spotters/test_paired.py::test_phrases_are_refused_while_only_the_fixed_words_are_heard",
        "daemon/test_fixed_words.py::test_what_a_program_sets_while_there_is_no_model_holds_when_it_comes",
    ),
    "lists were compiled on the decoding thread, and a mistake in one ended the daemon": (
        "daemon/test_keyword_update.py::test_a_list_is_compiled_by_neither_the_loop_nor_the_decoding_thread",
        "daemon/test_inbox.py::test_a_list_that_cannot_be_installed_is_its_askers_error",
    ),
    "a model that came late forgot the list in force; what its loading died of was a bare traceback": (
        "spotters/test_paired.py::test_a_late_model_takes_the_list_in_force",
        "spotters/test_paired.py::test_an_unforeseen_failure_of_the_retry_is_logged_and_tried_again",
    ),
    "a list that was reported as failed came into force": (
        "daemon/test_inbox.py::test_a_list_that_was_given_up_never_comes_into_force",
        "daemon/test_keyword_update.py::test_what_was_reported_as_failed_never_comes_into_force",
    ),
    "two threads wrote the state: `mic_lost` without `mic_recovered`": (
        "daemon/test_state.py::test_lost_and_recovered_come_in_pairs",
        "outlets/test_bus.py::test_records_are_applied_before_anybody_is_told",
    ),
    "an outlet that raised kept the event from the rest; clips of the last half second were lost": (
        "outlets/test_bus.py::test_an_outlet_that_raises_costs_nobody_else_an_event",
        "outlets/test_bus.py::test_all_are_closed_at_once_whatever_one_does",
        "outlets/test_clips.py::test_what_is_there_of_the_last_sound_is_saved_at_the_end",
    ),
    "an unforeseen error in a reload ended the daemon, or the connection": (
        "daemon/test_keyword_update.py::test_whatever_a_reload_fails_with_is_an_answer_and_an_event",
    ),
    "mute gave up before a silent device did, and its reply came before the state": (
        "daemon/test_microphone.py::test_a_microphone_that_hangs_is_muted_all_the_same",
        "daemon/test_commands.py::test_mute_closes_the_microphone",
    ),
    "the garbage collector was off for all threads while a list was compiled": (
        "keywords/test_compile.py::test_the_collector_runs_on_for_all_threads_while_a_list_is_compiled",
    ),
}


@pytest.mark.parametrize("hazard", HAZARDS)
def test_a_hazard_that_was_mended_has_its_tests(hazard: str) -> None:
    for test in HAZARDS[hazard]:
        file, _, name = test.partition("::")
        assert f"def {name}(" in (ROOT / file).read_text(encoding="utf-8")
