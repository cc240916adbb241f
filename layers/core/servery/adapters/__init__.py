"""The technology: the only place for boto3, onnxruntime, scikit-learn, skl2onnx and joblib."""
