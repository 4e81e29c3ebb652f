"""The program seen without engine or account: its configuration as a table, its resources as a graph."""
