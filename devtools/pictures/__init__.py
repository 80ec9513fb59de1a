"""Pictures for README, of a consumer at work: its live page, and the dashboard with what a real Prometheus answered."""
