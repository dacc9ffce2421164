"""Transports with something wrong with them, for the ends to import. A thing is sent as (number, whether it is the last, obj)."""

import os

import oobpickle
from oobpickle.demo.transports import Tcp
from oobpickle.tracker import DONE


class CopiesWhenSending(Tcp):
    name = "copies when sending"

    def send(self, socket, obj):
        frames = [bytes(frame) for frame in oobpickle.dumps(obj)]
        socket.send_multipart(frames, copy=False, track=True).wait(30)
        return DONE


class CopiesWhenReceiving(Tcp):
    name = "copies when receiving"

    def recv(self, socket):
        number, last, thing = super().recv(socket)
        return number, last, thing.copy()


class CopiesInLibzmq(Tcp):
    name = "copies in libzmq"

    def send(self, socket, obj):
        return oobpickle.send(socket, obj, snapshot=True)


class Damages(Tcp):
    name = "damages"

    def recv(self, socket):
        number, last, thing = super().recv(socket)
        thing[-1, -1, -1] ^= 1
        return number, last, thing


class Loses(Tcp):
    name = "loses"

    def send(self, socket, obj):
        return DONE if obj[0] == 1 and not obj[1] else super().send(socket, obj)


class Refuses(Tcp):
    name = "refuses"

    def send(self, socket, obj):
        raise oobpickle.EncodeError("not today")

    def recv(self, socket):
        socket.rcvtimeo = 100
        return super().recv(socket)


class SaysNothing(Tcp):
    name = "says nothing"

    def send(self, socket, obj):
        return DONE

    def recv(self, socket):
        socket.rcvtimeo = 100
        return super().recv(socket)


class Kills(Tcp):
    """Ends the producer."""

    name = "kills"

    def send(self, socket, obj):
        os._exit(3)
