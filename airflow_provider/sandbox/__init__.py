"""
Both vendors on your own machine: no key, no credits, no network.

``python -m airflow_provider.sandbox`` serves SendKit's agents and Sensay's knowledge base on loopback, as the
vendors document them. Imports neither Airflow nor httpx, so it starts quickly and breaks with neither.
"""
