"""How fast dovtab is, beside a loop written by hand and beside shillelagh.

``python tests/benchmarks`` measures all of it, prints it, and draws it.
"""
