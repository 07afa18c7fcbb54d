"""What a study says: tidy rows, the sentences, tables and figures made of them, and their display.

Tables come in, and nothing is trained, embedded or read from photographs.
"""
