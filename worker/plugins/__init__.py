"""Parts that anyone can add: how a setting is declared, a part found by name, and what a check of it says."""
