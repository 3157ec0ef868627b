"""Grafana as code: dashboards written in Python, generated into dashboards/, provisioned from provisioning/."""
