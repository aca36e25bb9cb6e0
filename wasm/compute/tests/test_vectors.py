"""The shared vectors through a real Viceroy."""

import re
import unittest

import cases
from viceroy import Viceroy
from world import required

# What a URL parser would write in another way: dot segments, backslashes, signs that it encodes.
OTHERWISE = re.compile(r"""[\\"'<>`{}|^\x7f-\xff]|(?:^|/)(?:\.|%2e){1,2}(?:/|\?|$)|^//""", re.IGNORECASE)


class Vectors(cases.Vectors, unittest.TestCase):
    @classmethod
    def serve(cls):
        soon = "first_byte_timeout_ms = 1000\n"
        viceroy = Viceroy(required("COUNTERSIGN_COMPUTE_VECTORS"), cls.application.port, cls.stub.port,
                          change=lambda text: text.replace("first_byte_timeout_ms = 10000\n", soon))
        cls.addClassCleanup(viceroy.close)
        return viceroy.start()

    @staticmethod
    def carries(target):
        return cases.Vectors.carries(target) and not OTHERWISE.search(target)


if __name__ == "__main__":
    unittest.main()
