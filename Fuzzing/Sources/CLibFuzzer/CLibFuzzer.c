// Holds nothing: a C target wants a source file. What there is to say is in the header.
