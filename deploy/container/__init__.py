"""What a container needs beside its service."""
