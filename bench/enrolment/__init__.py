"""Enrolment measured on recordings of one word each."""
