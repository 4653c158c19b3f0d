"""Integrity: what a store holds against what was put there, and numbers against their pixels.

    derive      one published scene counted again from the record, compared bit for bit
    keys        which names belong in a store, and what each is
    inventory   digests of everything that was seen whole once
    scan        reads all of an area and names what is damaged, missing or foreign
    mend        makes again what can be made, puts aside what cannot

`railwatch verify` is its command.
"""
