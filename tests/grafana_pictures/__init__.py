"""The dashboards as Grafana's own published components draw them; README.md says what that is and what it is not."""
