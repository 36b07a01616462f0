"""The version, where setup.py and the User-Agent both find it."""

VERSION = "1.0.0rc1"
