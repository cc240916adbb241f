# The train step for AWS Batch: the code and the packages of the function, without its limits.
# infra/image/assemble_training.py makes the folder that this is built from.
ARG PYTHON=3.13
FROM public.ecr.aws/lambda/python:${PYTHON}

COPY packages/ /opt/python/
COPY lib/ /opt/lib/
COPY function/ ${LAMBDA_TASK_ROOT}/
COPY run_training.py /opt/servery/run_training.py
# As in Lambda: the layers, the function, and boto3, which the runtime brings.
ENV PYTHONPATH=/opt/python:/var/task:/var/runtime
ENV POWERTOOLS_SERVICE_NAME=training

USER 1001
ENTRYPOINT ["python", "/opt/servery/run_training.py"]
