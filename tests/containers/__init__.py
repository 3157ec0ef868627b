"""The containers: built, brought up, broken and cleaned away by a real engine."""
