"""ONNX models: read by the onnx package, walked along as plain values."""
