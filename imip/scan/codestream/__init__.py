"""What compressed pictures declare: size, samples and depth, from PNG, JPEG and JPEG 2000 headers.

They are read before a decoder sees the bytes, since native decoders allocate what a header declares and fill in what a
truncated file lacks. Nothing is decompressed here.
"""
