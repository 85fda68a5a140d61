"""How the public help centre is found from outside: by search engines, feed readers and language
models. Whoever asks, these answers contain what the public may see and nothing else.
"""
