"""How a process of the worker lives: started, watched, told to stop, gone; `parent/` has several of them."""
