"""The vendors: one folder each, which knows no Airflow and no other vendor."""
