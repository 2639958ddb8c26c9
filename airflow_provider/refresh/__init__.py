"""The decisions: may we pay, is it ours, is it done, when do we look next. Pure: no I/O, no clock, no Airflow."""
