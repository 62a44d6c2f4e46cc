"""Where the time goes: what each stage is busy with, how fast, and which of them holds up the rest."""
