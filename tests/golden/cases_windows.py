"""Golden cases of the rules about Windows networks."""

from __future__ import annotations

from sensors.decode import ldap as ldap_codes
from sensors.decode import smb2
from tests.golden.make import INSIDE, OUTSIDE, SERVER, Capture
from tests.golden.windows_talk import (
    LOGON_FAILURE,
    call,
    changed,
    deleted,
    directory,
    first_ticket,
    local_name,
    logged_in,
    mounted,
    opened,
    renamed,
    search,
    service_ticket,
    side_by_side,
    smb,
    told,
)
from tests.unit.sensors import windows_wire as wire
from tests.unit.sensors.decode import test_kerberos as kerberos
from tests.unit.sensors.decode import test_ldap as ldap
from tests.unit.sensors.windows_wire import der

SHARE, ADMIN, PIPES = "\\\\dc1.example.com\\ho-so", "\\\\dc1.example.com\\ADMIN$", "\\\\dc1.example.com\\IPC$"
NEIGHBOUR = "10.1.2.99"


def remote_service(capture: Capture) -> None:
    call(capture, 0, "svcctl", "OpenSCManagerW", "CreateServiceW", "StartServiceW", "DeleteService")


def remote_service_quiet(capture: Capture) -> None:
    call(capture, 0, "svcctl", "OpenSCManagerW", "OpenServiceW", "QueryServiceStatus")


def remote_task(capture: Capture) -> None:
    call(capture, 0, "ITaskSchedulerService", "SchRpcRegisterTask", "SchRpcRun", "SchRpcDelete")


def remote_task_quiet(capture: Capture) -> None:
    call(capture, 0, "ITaskSchedulerService", "SchRpcEnumTasks", "SchRpcGetTaskInfo")


def remote_registry(capture: Capture) -> None:
    call(capture, 0, "winreg", "OpenLocalMachine", "BaseRegOpenKey", "BaseRegSetValue")


def remote_registry_quiet(capture: Capture) -> None:
    call(capture, 0, "winreg", "OpenLocalMachine", "BaseRegOpenKey", "BaseRegQueryValue")


def registry_hive_saved(capture: Capture) -> None:
    call(capture, 0, "winreg", "OpenLocalMachine", "BaseRegOpenKey", "BaseRegSaveKey")


def registry_hive_saved_quiet(capture: Capture) -> None:
    call(capture, 0, "winreg", "OpenLocalMachine", "BaseRegQueryInfoKey", "BaseRegCloseKey")


def wmi_execution(capture: Capture) -> None:
    call(capture, 0, "IWbemServices", "GetObject", "ExecMethod")


def wmi_execution_quiet(capture: Capture) -> None:
    call(capture, 0, "IWbemServices", "GetObject", "ExecQuery")


def dcom_spread(capture: Capture) -> None:
    for number in range(8):
        call(capture, number * 60.0, "IRemoteSCMActivator", "RemoteCreateInstance", dst=f"10.1.9.{number + 1}")


def dcom_spread_quiet(capture: Capture) -> None:
    for number in range(12):
        call(capture, number * 20.0, "IRemoteSCMActivator", "RemoteCreateInstance")


def zerologon(capture: Capture) -> None:
    call(capture, 0, "netlogon", *(("NetrServerReqChallenge", "NetrServerAuthenticate3") * 24), gap=0.1)


def zerologon_quiet(capture: Capture) -> None:
    for number in range(3):
        call(capture, number * 1200.0, "netlogon", "NetrServerReqChallenge", "NetrServerAuthenticate3")


def dcsync(capture: Capture) -> None:
    call(capture, 0, "drsuapi", "DRSBind", "DRSGetNCChanges")


def dcsync_quiet(capture: Capture) -> None:
    call(capture, 0, "drsuapi", "DRSBind", "DRSCrackNames", "DRSUnbind")


def forced_login_efs(capture: Capture) -> None:
    call(capture, 0, "efsrpc", "EfsRpcOpenFileRaw")


def forced_login_efs_quiet(capture: Capture) -> None:
    call(capture, 0, "efsrpc", "EfsRpcFlushEfsCache")


def forced_login_dfs(capture: Capture) -> None:
    call(capture, 0, "netdfs", "NetrDfsRemoveStdRoot")


def forced_login_dfs_quiet(capture: Capture) -> None:
    call(capture, 0, "netdfs", "NetrDfsManagerGetVersion", "NetrDfsEnumEx")


def forced_login_printer(capture: Capture) -> None:
    call(capture, 0, "spoolss", "RpcOpenPrinterEx", "RpcRemoteFindFirstPrinterChangeNotificationEx")


def forced_login_printer_quiet(capture: Capture) -> None:
    call(capture, 0, "spoolss", "RpcOpenPrinterEx", "RpcClosePrinter")


def forced_login_shadow(capture: Capture) -> None:
    call(capture, 0, "FileServerVssAgent", "IsPathSupported")


def forced_login_shadow_quiet(capture: Capture) -> None:
    call(capture, 0, "FileServerVssAgent", "GetSupportedVersion")


def printer_driver(capture: Capture) -> None:
    call(capture, 0, "spoolss", "RpcAddPrinterDriverEx")


def printer_driver_quiet(capture: Capture) -> None:
    call(capture, 0, "spoolss", "RpcEnumPrinterDrivers")


def samr_enumeration(capture: Capture) -> None:
    call(capture, 0, "samr", "SamrConnect5", "SamrOpenDomain", "SamrEnumerateUsersInDomain")


def samr_enumeration_quiet(capture: Capture) -> None:
    call(capture, 0, "samr", "SamrConnect5", "SamrOpenDomain", "SamrLookupNamesInDomain", "SamrOpenUser")


def session_sweep(capture: Capture) -> None:
    for number in range(10):
        call(capture, number * 30.0, "srvsvc", "NetrSessionEnum", dst=f"10.1.9.{number + 1}")


def session_sweep_quiet(capture: Capture) -> None:
    for number in range(12):
        call(capture, number * 30.0, "srvsvc", "NetrSessionEnum")


def share_sweep(capture: Capture) -> None:
    for number in range(10):
        call(capture, number * 30.0, "srvsvc", "NetrShareEnum", dst=f"10.1.9.{number + 1}")


def share_sweep_quiet(capture: Capture) -> None:
    for number in range(12):
        call(capture, number * 30.0, "srvsvc", "NetrShareEnum", dst=f"10.1.9.{number % 4 + 1}")


def remote_shutdown(capture: Capture) -> None:
    call(capture, 0, "InitShutdown", "BaseInitiateShutdown")


def remote_shutdown_quiet(capture: Capture) -> None:
    call(capture, 0, "InitShutdown", "BaseAbortShutdown")


def event_log_cleared(capture: Capture) -> None:
    call(capture, 0, "eventlog", "ElfrOpenELW", "ElfrClearELFW")


def event_log_cleared_quiet(capture: Capture) -> None:
    call(capture, 0, "eventlog", "ElfrOpenELW", "ElfrReadELW")


def admin_share(capture: Capture) -> None:
    smb(capture, 0, *logged_in(), *mounted("\\\\dc1.example.com\\C$"))


def admin_share_quiet(capture: Capture) -> None:
    smb(capture, 0, *logged_in(), *mounted("\\\\dc1.example.com\\C$", status=wire.ACCESS_DENIED))
    smb(capture, 5, *logged_in(), *mounted(SHARE))


def program_to_admin_share(capture: Capture) -> None:
    smb(capture, 0, *mounted(ADMIN), *opened("temp\\svc.exe", disposition=5))


def program_to_admin_share_quiet(capture: Capture) -> None:
    smb(capture, 0, *mounted(SHARE), *opened("setup\\svc.exe"))


def remote_execution_pipe(capture: Capture) -> None:
    smb(capture, 0, *mounted(PIPES, pipe=True), *opened("PSEXESVC"))


def remote_execution_pipe_quiet(capture: Capture) -> None:
    smb(capture, 0, *mounted(PIPES, pipe=True), *opened("spoolss"))


POLICY = "example.com\\Policies\\{31B2F340-016D-11D2-945F-00C04FB984F9}\\"


def policy_passwords(capture: Capture) -> None:
    path = POLICY + "Machine\\Preferences\\Groups\\Groups.xml"
    smb(capture, 0, *mounted("\\\\dc1.example.com\\SYSVOL"), *opened(path))


def policy_passwords_quiet(capture: Capture) -> None:
    smb(capture, 0, *mounted("\\\\dc1.example.com\\SYSVOL"), *opened(POLICY + "gpt.ini"))


def credential_store_copied(capture: Capture) -> None:
    smb(capture, 0, *mounted(SHARE), *opened("tmp\\Active Directory\\ntds.dit"))


def credential_store_copied_quiet(capture: Capture) -> None:
    smb(capture, 0, *mounted(SHARE), *opened("sao-luu\\ntds.dit.docx"))


def ransom_note_smb(capture: Capture) -> None:
    smb(capture, 0, *mounted(SHARE), *opened("2026\\HOW_TO_RESTORE_FILES.txt", disposition=2))


def ransom_note_smb_quiet(capture: Capture) -> None:
    smb(capture, 0, *mounted(SHARE), *opened("2026\\how to encrypt mail.pdf"))


def _renames(count: int) -> list[tuple[int, bytes]]:
    parts = []
    for number in range(count):
        parts += opened(f"{number}.doc", 2 * number + 4) + renamed(f"{number}.doc.x7q", 2 * number + 5)
    return side_by_side(parts)


def mass_rename(capture: Capture) -> None:
    smb(capture, 0, *mounted(SHARE), *_renames(32))


def mass_rename_quiet(capture: Capture) -> None:
    smb(capture, 0, *mounted(SHARE), *_renames(6))


def _deletions(count: int) -> list[tuple[int, bytes]]:
    parts = []
    for number in range(count):
        parts += opened(f"{number}.doc", 2 * number + 4) + deleted(2 * number + 5)
    return side_by_side(parts)


def mass_delete(capture: Capture) -> None:
    smb(capture, 0, *mounted(SHARE), *_deletions(32))


def mass_delete_quiet(capture: Capture) -> None:
    smb(capture, 0, *mounted(SHARE), *_deletions(6))


_OLD = wire.nbt(wire.smb1(0x72, b"", b"\x02NT LM 0.12\0\x02SMB 2.002\0", 1))


def smb1_in_use(capture: Capture) -> None:
    smb(capture, 0, (0, _OLD), (1, wire.nbt(wire.smb1(0x72, bytes(34), b"", 1, status=0))))


def smb1_in_use_quiet(capture: Capture) -> None:
    smb(capture, 0, (0, _OLD), told(smb2.NEGOTIATE, wire.negotiate_response(0x0202), 0))


def smb_to_outside(capture: Capture) -> None:
    smb(capture, 0, *logged_in(), dst=OUTSIDE)


def smb_to_outside_quiet(capture: Capture) -> None:
    smb(capture, 0, *logged_in())


def smb_login_guessing(capture: Capture) -> None:
    for number in range(14):
        smb(capture, number * 3.0, *logged_in(status=LOGON_FAILURE))


def smb_login_guessing_quiet(capture: Capture) -> None:
    for number in range(3):
        smb(capture, number * 3.0, *logged_in(status=LOGON_FAILURE))
    smb(capture, 10, *logged_in())


AES, RC4 = 18, 23


def kerberoasting(capture: Capture) -> None:
    for number in range(6):
        service_ticket(capture, number * 2.0, "HTTP", f"web{number}.btc.vn", cipher=RC4, offered=RC4)


def kerberoasting_quiet(capture: Capture) -> None:
    for number in range(6):
        service_ticket(capture, number * 2.0, "HTTP", f"web{number}.btc.vn", cipher=AES, offered=AES)
    for number in range(2):
        service_ticket(capture, 30 + number, "MSSQLSvc", f"db{number}.btc.vn", cipher=RC4, offered=RC4)


def weak_service_ticket(capture: Capture) -> None:
    service_ticket(capture, 0, "HTTP", "web.btc.vn", cipher=RC4, offered=AES)


def weak_service_ticket_quiet(capture: Capture) -> None:
    service_ticket(capture, 0, "HTTP", "web.btc.vn", cipher=AES, offered=AES)


def asrep_roasting(capture: Capture) -> None:
    first_ticket(capture, 0, "an", kerberos.reply(11))


NEEDS_PROOF, WRONG_PROOF, NOBODY = 25, 24, 6


def asrep_roasting_quiet(capture: Capture) -> None:
    first_ticket(capture, 0, "an", kerberos.error(NEEDS_PROOF))


def kerberos_unknown_names(capture: Capture) -> None:
    for number in range(12):
        first_ticket(capture, number * 2.0, f"ten{number}", kerberos.error(NOBODY))


def kerberos_unknown_names_quiet(capture: Capture) -> None:
    for number in range(12):
        first_ticket(capture, number * 2.0, "nghi-viec", kerberos.error(NOBODY))


def kerberos_spraying(capture: Capture) -> None:
    for number in range(9):
        first_ticket(capture, number * 2.0, f"ten{number}", kerberos.error(WRONG_PROOF))


def kerberos_spraying_quiet(capture: Capture) -> None:
    for number in range(9):
        first_ticket(capture, number * 2.0, "an", kerberos.error(WRONG_PROOF))


def ntlm_relay(capture: Capture) -> None:
    smb(capture, 0, *logged_in(), dst=NEIGHBOUR)
    smb(capture, 1, *logged_in(), src=NEIGHBOUR)


def ntlm_relay_quiet(capture: Capture) -> None:
    smb(capture, 0, *logged_in(), dst=NEIGHBOUR)
    smb(capture, 1, *logged_in())


def directory_search(capture: Capture) -> None:
    directory(capture, 0, search(der(0x87, b"servicePrincipalName")), ldap_codes.SEARCH_DONE)


def directory_search_quiet(capture: Capture) -> None:
    directory(capture, 0, search(der(0xA3, der(4, b"sAMAccountName"), der(4, b"an"))), ldap_codes.SEARCH_DONE)


MODIFY_RESPONSE = 0x67


def directory_takeover_attribute(capture: Capture) -> None:
    directory(capture, 0, changed(b"msDS-KeyCredentialLink"), MODIFY_RESPONSE)


def directory_takeover_attribute_quiet(capture: Capture) -> None:
    directory(capture, 0, changed(b"telephoneNumber"), MODIFY_RESPONSE)


def _bind(capture: Capture, name: bytes, choice: bytes) -> None:
    parts = [(0, ldap.bind(1, name, choice)), (1, ldap.result(1, ldap_codes.BIND_RESPONSE))]
    capture.tcp(0, INSIDE, SERVER, 389, parts)


def ldap_clear_password(capture: Capture) -> None:
    _bind(capture, b"cn=may-in,dc=btc,dc=vn", b"\x80\x06secret")


def ldap_clear_password_quiet(capture: Capture) -> None:
    _bind(capture, b"", b"\x80\0")


def name_poisoning(capture: Capture) -> None:
    for number in range(6):
        local_name(capture, number * 20.0, f"may{number}", NEIGHBOUR)


def name_poisoning_quiet(capture: Capture) -> None:
    for number in range(6):
        local_name(capture, number * 20.0, f"may{number}", f"10.1.2.{number + 50}")


def wpad_answer(capture: Capture) -> None:
    local_name(capture, 0, "wpad", NEIGHBOUR)


def wpad_answer_quiet(capture: Capture) -> None:
    local_name(capture, 0, "wpad", None)
