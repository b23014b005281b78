"""What every program of this package needs: settings, errors, logs, metrics, signals."""
