"""The allow-list: the only classes that a spec can make the system import.

Beside those named here, the user's own that the template names: see `own_classes`.
"""

from __future__ import annotations

from servery.domain.own_classes import own_classes
from servery.domain.signature import Task
from servery.errors import InvalidSpecError, Violation

_CLASSIFIERS = frozenset(
    {
        "lightgbm.LGBMClassifier",
        "sklearn.discriminant_analysis.LinearDiscriminantAnalysis",
        "sklearn.discriminant_analysis.QuadraticDiscriminantAnalysis",
        "sklearn.dummy.DummyClassifier",
        "sklearn.ensemble.AdaBoostClassifier",
        "sklearn.ensemble.ExtraTreesClassifier",
        "sklearn.ensemble.GradientBoostingClassifier",
        "sklearn.ensemble.HistGradientBoostingClassifier",
        "sklearn.ensemble.RandomForestClassifier",
        "sklearn.linear_model.LogisticRegression",
        "sklearn.linear_model.SGDClassifier",
        "sklearn.naive_bayes.GaussianNB",
        "sklearn.neighbors.KNeighborsClassifier",
        "sklearn.neural_network.MLPClassifier",
        "sklearn.svm.SVC",
        "sklearn.tree.DecisionTreeClassifier",
        "xgboost.XGBClassifier",
    }
)
_REGRESSORS = frozenset(
    {
        "lightgbm.LGBMRegressor",
        "sklearn.dummy.DummyRegressor",
        "sklearn.ensemble.AdaBoostRegressor",
        "sklearn.ensemble.ExtraTreesRegressor",
        "sklearn.ensemble.GradientBoostingRegressor",
        "sklearn.ensemble.HistGradientBoostingRegressor",
        "sklearn.ensemble.RandomForestRegressor",
        "sklearn.linear_model.BayesianRidge",
        "sklearn.linear_model.ElasticNet",
        "sklearn.linear_model.Lasso",
        "sklearn.linear_model.LinearRegression",
        "sklearn.linear_model.Ridge",
        "sklearn.neighbors.KNeighborsRegressor",
        "sklearn.neural_network.MLPRegressor",
        "sklearn.svm.SVR",
        "sklearn.tree.DecisionTreeRegressor",
        "xgboost.XGBRegressor",
    }
)
TRANSFORMERS = frozenset(
    {
        "sklearn.decomposition.PCA",
        "sklearn.impute.SimpleImputer",
        "sklearn.preprocessing.KBinsDiscretizer",
        "sklearn.preprocessing.MaxAbsScaler",
        "sklearn.preprocessing.MinMaxScaler",
        "sklearn.preprocessing.Normalizer",
        "sklearn.preprocessing.OneHotEncoder",
        "sklearn.preprocessing.OrdinalEncoder",
        "sklearn.preprocessing.PolynomialFeatures",
        "sklearn.preprocessing.PowerTransformer",
        "sklearn.preprocessing.QuantileTransformer",
        "sklearn.preprocessing.RobustScaler",
        "sklearn.preprocessing.StandardScaler",
    }
)
TOLERANT = {
    "sklearn.preprocessing.OneHotEncoder": "ignore",
    "sklearn.preprocessing.OrdinalEncoder": "use_encoded_value, with an unknown_value",
}
"""What `handle_unknown` has to be where scikit-learn's default is to fail."""
ESTIMATORS = {Task.CLASSIFICATION: _CLASSIFIERS, Task.REGRESSION: _REGRESSORS}

# Counts that only the patience of a machine would bound.
MOST = {
    "degree": 10,
    "max_iter": 1_000_000,
    "n_bins": 10_000,
    "n_estimators": 10_000,
    "n_quantiles": 1_000_000,
}


def allowed_estimators(task: Task) -> frozenset[str]:
    """What a spec may name as its estimator; whether an own class is one, building it tells."""
    return ESTIMATORS[task] | own_classes()


def allowed_transformers() -> frozenset[str]:
    """What a spec may name as a step of its preprocessing."""
    return TRANSFORMERS | own_classes()


def check_estimator(task: Task, class_path: str) -> None:
    """Let a class path pass only when it is on the list for the task.

    Raises:
        InvalidSpecError: it is not; the sentence names what is allowed.
    """
    if class_path not in (listed := allowed_estimators(task)):
        allowed = ", ".join(sorted(listed))
        raise InvalidSpecError(
            "the estimator is not on the allow-list",
            (Violation("estimator.class", f"allowed for {task}: {allowed}"),),
        )


def check_transformer(class_path: str, field: str) -> None:
    """Let a preprocessing step pass only when it is on the list.

    Raises:
        InvalidSpecError: it is not; the sentence names what is allowed.
    """
    if class_path not in (listed := allowed_transformers()):
        allowed = ", ".join(sorted(listed))
        raise InvalidSpecError(
            "a preprocessing step is not on the allow-list",
            (Violation(field, f"allowed: {allowed}"),),
        )
