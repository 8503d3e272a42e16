"""What the tests are made of: processes under test, raw protocol calls, clients to compare."""
