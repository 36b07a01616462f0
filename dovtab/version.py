"""The version, where setup.py and the User-Agent both find it."""

VERSION = "0.1.0"
