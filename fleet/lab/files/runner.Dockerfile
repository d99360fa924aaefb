# The standing-in runner: one Python file on top of the image for jobs, so that a server unpacks both at once.
ARG JOB
FROM ${JOB}
COPY stand_in_runner.py /usr/local/bin/stand_in_runner.py
ENTRYPOINT ["python3", "-u", "/usr/local/bin/stand_in_runner.py"]
