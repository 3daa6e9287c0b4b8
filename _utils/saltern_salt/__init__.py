"""Glue that several runners share. The only package of ``_utils`` that may import Salt."""
