"""Holds callbacks on disk while billing cannot take them, and hands them over in their order afterwards."""
