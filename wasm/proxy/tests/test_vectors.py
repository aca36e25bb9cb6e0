"""The shared vectors through a real Envoy."""

import unittest

import cases
from envoy import Envoy
from world import required


class Vectors(cases.Vectors, unittest.TestCase):
    @classmethod
    def serve(cls):
        envoy = Envoy(required("COUNTERSIGN_PROXY_VECTORS"), cls.application.port, cls.stub.port)
        cls.addClassCleanup(envoy.close)
        return envoy.start()


if __name__ == "__main__":
    unittest.main()
