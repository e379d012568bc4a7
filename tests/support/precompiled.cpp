// Precompiled headers are made for a source that uses them, and main.cpp cannot.
