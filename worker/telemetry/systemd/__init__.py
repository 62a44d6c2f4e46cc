"""What a service manager is told: ready, alive, stopping, and a line of status."""
