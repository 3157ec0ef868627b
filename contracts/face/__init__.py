"""The HTTP face that every service has alike: problems, what is measured of requests, how an application is served."""
