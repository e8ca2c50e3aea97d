"""The measurements that the README quotes: other libraries and bare limits, taken in turns on one machine."""
