"""Transformers and estimators of your own, for specs to name.

Put classes here, or packages beside this one: the layer `own` has them all. A spec can name those
that the parameter OwnClasses of the template names. Their objects are scikit-learn's: parameters in
`__init__`, what is learned in attributes with an underscore at the end.

What the `onnx_converters` of a package register with skl2onnx is exported to ONNX; what has no
converter there is served by joblib. Both are proven on held-out rows like every model.
"""
