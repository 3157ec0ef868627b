"""What Java is told when a broker must come back soon: a run of faults starts it again and again."""

# Compiled lightly: a broker that lives for a minute or two has no time to earn more.
JAVA_OPTIONS = "-XX:TieredStopAtLevel=1"
