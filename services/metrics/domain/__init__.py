"""What is counted, and how; knows no wire, no clock and no chance."""
