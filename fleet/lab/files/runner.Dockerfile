# The standing-in runner: one Python file on top of the image for jobs, so that a server unpacks both at once.
ARG JOB
FROM ${JOB}
# As in the real image: a first process that is deaf to no signal, not even before Python has begun to listen.
RUN sh /usr/local/sbin/add-packages tini
COPY stand_in_runner.py /usr/local/bin/stand_in_runner.py
# By both names that the real program has had.
RUN cd /usr/local/bin && chmod 755 stand_in_runner.py && ln -s stand_in_runner.py gitea-runner && \
    ln -s stand_in_runner.py act_runner
ENTRYPOINT ["/usr/bin/tini", "--", "python3", "-u", "/usr/local/bin/stand_in_runner.py"]
