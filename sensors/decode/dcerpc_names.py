"""Well-known DCERPC interfaces and their operations, by interface UUID and operation number.

Names are those of the protocol specifications (MS-SAMR, MS-LSAD, MS-LSAT, MS-SRVS, MS-SCMR, MS-DRSR, MS-NRPC, MS-TSCH,
MS-WKST, MS-RRP, MS-RPRN, MS-PAR, MS-EFSR, MS-DFSNM, MS-FSRVP, MS-DCOM, MS-WMI, MS-EVEN6, C706 appendix O); the service
control manager's are without their leading R, as Zeek has them.
"""

from __future__ import annotations

from typing import NamedTuple


class Interface(NamedTuple):
    name: str
    operations: dict[int, str]


def _row(text: str, first: int = 0) -> dict[int, str]:
    """Names in the order of their numbers; `-` is a number that is not used or not named here."""
    return {number: name for number, name in enumerate(text.split(), first) if name != "-"}


_EPMAPPER = _row("ept_insert ept_delete ept_lookup ept_map ept_lookup_handle_free ept_inq_object ept_mgmt_delete")
_SAMR = _row(
    "SamrConnect SamrCloseHandle SamrSetSecurityObject SamrQuerySecurityObject - SamrLookupDomainInSamServer"
    " SamrEnumerateDomainsInSamServer SamrOpenDomain SamrQueryInformationDomain SamrSetInformationDomain"
    " SamrCreateGroupInDomain SamrEnumerateGroupsInDomain SamrCreateUserInDomain SamrEnumerateUsersInDomain"
    " SamrCreateAliasInDomain SamrEnumerateAliasesInDomain SamrGetAliasMembership SamrLookupNamesInDomain"
    " SamrLookupIdsInDomain SamrOpenGroup SamrQueryInformationGroup SamrSetInformationGroup SamrAddMemberToGroup"
    " SamrDeleteGroup SamrRemoveMemberFromGroup SamrGetMembersInGroup SamrSetMemberAttributesOfGroup SamrOpenAlias"
    " SamrQueryInformationAlias SamrSetInformationAlias SamrDeleteAlias SamrAddMemberToAlias"
    " SamrRemoveMemberFromAlias SamrGetMembersInAlias SamrOpenUser SamrDeleteUser SamrQueryInformationUser"
    " SamrSetInformationUser SamrChangePasswordUser SamrGetGroupsForUser SamrQueryDisplayInformation"
    " SamrGetDisplayEnumerationIndex - - SamrGetUserDomainPasswordInformation SamrRemoveMemberFromForeignDomain"
    " SamrQueryInformationDomain2 SamrQueryInformationUser2 SamrQueryDisplayInformation2"
    " SamrGetDisplayEnumerationIndex2 SamrCreateUser2InDomain SamrQueryDisplayInformation3"
    " SamrAddMultipleMembersToAlias SamrRemoveMultipleMembersFromAlias SamrOemChangePasswordUser2"
    " SamrUnicodeChangePasswordUser2 SamrGetDomainPasswordInformation SamrConnect2 SamrSetInformationUser2 - - -"
    " SamrConnect4 - SamrConnect5 SamrRidToSid SamrSetDSRMPassword SamrValidatePassword"
) | {73: "SamrUnicodeChangePasswordUser4"}
_LSARPC = _row(
    "LsarClose - LsarEnumeratePrivileges LsarQuerySecurityObject LsarSetSecurityObject - LsarOpenPolicy"
    " LsarQueryInformationPolicy LsarSetInformationPolicy - LsarCreateAccount LsarEnumerateAccounts"
    " LsarCreateTrustedDomain LsarEnumerateTrustedDomains LsarLookupNames LsarLookupSids LsarCreateSecret"
    " LsarOpenAccount LsarEnumeratePrivilegesAccount LsarAddPrivilegesToAccount LsarRemovePrivilegesFromAccount - -"
    " LsarGetSystemAccessAccount LsarSetSystemAccessAccount LsarOpenTrustedDomain LsarQueryInfoTrustedDomain"
    " LsarSetInformationTrustedDomain LsarOpenSecret LsarSetSecret LsarQuerySecret LsarLookupPrivilegeValue"
    " LsarLookupPrivilegeName LsarLookupPrivilegeDisplayName LsarDeleteObject LsarEnumerateAccountsWithUserRight"
    " LsarEnumerateAccountRights LsarAddAccountRights LsarRemoveAccountRights LsarQueryTrustedDomainInfo"
    " LsarSetTrustedDomainInfo LsarDeleteTrustedDomain LsarStorePrivateData LsarRetrievePrivateData LsarOpenPolicy2"
    " LsarGetUserName LsarQueryInformationPolicy2 LsarSetInformationPolicy2 LsarQueryTrustedDomainInfoByName"
    " LsarSetTrustedDomainInfoByName LsarEnumerateTrustedDomainsEx LsarCreateTrustedDomainEx -"
    " LsarQueryDomainInformationPolicy LsarSetDomainInformationPolicy LsarOpenTrustedDomainByName - LsarLookupSids2"
    " LsarLookupNames2 LsarCreateTrustedDomainEx2"
) | {68: "LsarLookupNames3", 73: "LsarQueryForestTrustInformation", 74: "LsarSetForestTrustInformation",
     76: "LsarLookupSids3", 77: "LsarLookupNames4"}  # fmt: skip
_SRVSVC = _row(
    "NetrConnectionEnum NetrFileEnum NetrFileGetInfo NetrFileClose NetrSessionEnum NetrSessionDel NetrShareAdd"
    " NetrShareEnum NetrShareGetInfo NetrShareSetInfo NetrShareDel NetrShareDelSticky NetrShareCheck"
    " NetrServerGetInfo NetrServerSetInfo NetrServerDiskEnum NetrServerStatisticsGet NetrServerTransportAdd"
    " NetrServerTransportEnum NetrServerTransportDel NetrRemoteTOD - NetprPathType NetprPathCanonicalize"
    " NetprPathCompare NetprNameValidate NetprNameCanonicalize NetprNameCompare NetrShareEnumSticky"
    " NetrShareDelStart NetrShareDelCommit NetrpGetFileSecurity NetrpSetFileSecurity NetrServerTransportAddEx -"
    " NetrDfsGetVersion NetrDfsCreateLocalPartition NetrDfsDeleteLocalPartition NetrDfsSetLocalVolumeState -"
    " NetrDfsCreateExitPoint NetrDfsDeleteExitPoint NetrDfsModifyPrefix NetrDfsFixLocalVolume"
    " NetrDfsManagerReportSiteInfo NetrServerTransportDelEx NetrServerAliasAdd NetrServerAliasEnum"
    " NetrServerAliasDel NetrShareDelEx",
    8,
)
_SVCCTL = _row(
    "CloseServiceHandle ControlService DeleteService LockServiceDatabase QueryServiceObjectSecurity"
    " SetServiceObjectSecurity QueryServiceStatus SetServiceStatus UnlockServiceDatabase NotifyBootConfigStatus -"
    " ChangeServiceConfigW CreateServiceW EnumDependentServicesW EnumServicesStatusW OpenSCManagerW OpenServiceW"
    " QueryServiceConfigW QueryServiceLockStatusW StartServiceW GetServiceDisplayNameW GetServiceKeyNameW -"
    " ChangeServiceConfigA CreateServiceA EnumDependentServicesA EnumServicesStatusA OpenSCManagerA OpenServiceA"
    " QueryServiceConfigA QueryServiceLockStatusA StartServiceA GetServiceDisplayNameA GetServiceKeyNameA -"
    " EnumServiceGroupW ChangeServiceConfig2A ChangeServiceConfig2W QueryServiceConfig2A QueryServiceConfig2W"
    " QueryServiceStatusEx EnumServicesStatusExA EnumServicesStatusExW - CreateServiceWOW64A CreateServiceWOW64W -"
    " NotifyServiceStatusChange GetNotifyResults CloseNotifyHandle ControlServiceExA ControlServiceExW"
) | {60: "CreateWowService", 64: "OpenSCManager2"}
_DRSUAPI = _row(
    "DRSBind DRSUnbind DRSReplicaSync DRSGetNCChanges DRSUpdateRefs DRSReplicaAdd DRSReplicaDel DRSReplicaModify"
    " DRSVerifyNames DRSGetMemberships DRSInterDomainMove DRSGetNT4ChangeLog DRSCrackNames DRSWriteSPN"
    " DRSRemoveDsServer DRSRemoveDsDomain DRSDomainControllerInfo DRSAddEntry DRSExecuteKCC DRSGetReplInfo"
    " DRSAddSidHistory DRSGetMemberships2 DRSReplicaVerifyObjects DRSGetObjectExistence DRSQuerySitesByCost"
    " DRSInitDemotion DRSReplicaDemotion DRSFinishDemotion DRSAddCloneDC DRSWriteNgcKey DRSReadNgcKey"
)
_NETLOGON = _row(
    "NetrLogonUasLogon NetrLogonUasLogoff NetrLogonSamLogon NetrLogonSamLogoff NetrServerReqChallenge"
    " NetrServerAuthenticate NetrServerPasswordSet NetrDatabaseDeltas NetrDatabaseSync NetrAccountDeltas"
    " NetrAccountSync NetrGetDCName NetrLogonControl NetrGetAnyDCName NetrLogonControl2 NetrServerAuthenticate2"
    " NetrDatabaseSync2 NetrDatabaseRedo NetrLogonControl2Ex NetrEnumerateTrustedDomains DsrGetDcName"
    " NetrLogonGetCapabilities NetrLogonSetServiceBits NetrLogonGetTrustRid NetrLogonComputeServerDigest"
    " NetrLogonComputeClientDigest NetrServerAuthenticate3 DsrGetDcNameEx DsrGetSiteName NetrLogonGetDomainInfo"
    " NetrServerPasswordSet2 NetrServerPasswordGet NetrLogonSendToSam DsrAddressToSiteNamesW DsrGetDcNameEx2"
    " NetrLogonGetTimeServiceParentDomain NetrEnumerateTrustedDomainsEx DsrAddressToSiteNamesExW"
    " DsrGetDcSiteCoverageW NetrLogonSamLogonEx DsrEnumerateDomainTrusts DsrDeregisterDnsHostRecords"
    " NetrServerTrustPasswordsGet DsrGetForestTrustInformation NetrGetForestTrustInformation"
    " NetrLogonSamLogonWithFlags NetrServerGetTrustInfo DsrUpdateReadOnlyServerDnsRecords -"
    " NetrChainSetClientAttributes NetrServerAuthenticateKerberos"
)
_WKSSVC = _row(
    "NetrWkstaGetInfo NetrWkstaSetInfo NetrWkstaUserEnum - - NetrWkstaTransportEnum NetrWkstaTransportAdd"
    " NetrWkstaTransportDel NetrUseAdd NetrUseGetInfo NetrUseDel NetrUseEnum - NetrWorkstationStatisticsGet - - - - -"
    " - NetrGetJoinInformation - NetrJoinDomain2 NetrUnjoinDomain2 NetrRenameMachineInDomain2 NetrValidateName2"
    " NetrGetJoinableOUs2 NetrAddAlternateComputerName NetrRemoveAlternateComputerName"
    " NetrSetPrimaryComputerName NetrEnumerateComputerNames"
)
_WINREG = _row(
    "OpenClassesRoot OpenCurrentUser OpenLocalMachine OpenPerformanceData OpenUsers BaseRegCloseKey BaseRegCreateKey"
    " BaseRegDeleteKey BaseRegDeleteValue BaseRegEnumKey BaseRegEnumValue BaseRegFlushKey BaseRegGetKeySecurity"
    " BaseRegLoadKey - BaseRegOpenKey BaseRegQueryInfoKey BaseRegQueryValue BaseRegReplaceKey BaseRegRestoreKey"
    " BaseRegSaveKey BaseRegSetKeySecurity BaseRegSetValue BaseRegUnLoadKey - - BaseRegGetVersion OpenCurrentConfig -"
    " BaseRegQueryMultipleValues - BaseRegSaveKeyEx OpenPerformanceText OpenPerformanceNlsText"
    " BaseRegQueryMultipleValues2 BaseRegDeleteKeyEx"
)
_SPOOLSS = _row(
    "RpcEnumPrinters RpcOpenPrinter RpcSetJob RpcGetJob RpcEnumJobs RpcAddPrinter RpcDeletePrinter RpcSetPrinter"
    " RpcGetPrinter RpcAddPrinterDriver RpcEnumPrinterDrivers RpcGetPrinterDriver RpcGetPrinterDriverDirectory"
    " RpcDeletePrinterDriver RpcAddPrintProcessor RpcEnumPrintProcessors RpcGetPrintProcessorDirectory"
    " RpcStartDocPrinter RpcStartPagePrinter RpcWritePrinter RpcEndPagePrinter RpcAbortPrinter RpcReadPrinter"
    " RpcEndDocPrinter RpcAddJob RpcScheduleJob RpcGetPrinterData RpcSetPrinterData RpcWaitForPrinterChange"
    " RpcClosePrinter"
) | {
    56: "RpcFindClosePrinterChangeNotification",
    58: "RpcReplyOpenPrinter", 60: "RpcReplyClosePrinter", 62: "RpcRemoteFindFirstPrinterChangeNotification",
    65: "RpcRemoteFindFirstPrinterChangeNotificationEx", 69: "RpcOpenPrinterEx", 70: "RpcAddPrinterEx",
    77: "RpcSetPrinterDataEx", 78: "RpcGetPrinterDataEx", 88: "RpcXcvData", 89: "RpcAddPrinterDriverEx",
}  # fmt: skip
_EFSR = _row(
    "EfsRpcOpenFileRaw EfsRpcReadFileRaw EfsRpcWriteFileRaw EfsRpcCloseRaw EfsRpcEncryptFileSrv EfsRpcDecryptFileSrv"
    " EfsRpcQueryUsersOnFile EfsRpcQueryRecoveryAgents EfsRpcRemoveUsersFromFile EfsRpcAddUsersToFile - -"
    " EfsRpcFileKeyInfo EfsRpcDuplicateEncryptionInfoFile - EfsRpcAddUsersToFileEx EfsRpcFileKeyInfoEx -"
    " EfsRpcGetEncryptedFileMetadata EfsRpcSetEncryptedFileMetadata EfsRpcFlushEfsCache EfsRpcEncryptFileExSrv"
    " EfsRpcQueryProtectors"
)
_DFSNM = _row(
    "NetrDfsManagerGetVersion NetrDfsAdd NetrDfsRemove NetrDfsSetInfo NetrDfsGetInfo NetrDfsEnum NetrDfsMove - - -"
    " NetrDfsAddFtRoot NetrDfsRemoveFtRoot NetrDfsAddStdRoot NetrDfsRemoveStdRoot NetrDfsManagerInitialize"
    " NetrDfsAddStdRootForced NetrDfsGetDcAddress NetrDfsSetDcAddress NetrDfsFlushFtTable NetrDfsAdd2 NetrDfsRemove2"
    " NetrDfsEnumEx NetrDfsSetInfo2 NetrDfsAddRootTarget NetrDfsRemoveRootTarget NetrDfsGetSupportedNamespaceVersion"
)
_FSRVP = _row(
    "GetSupportedVersion SetContext StartShadowCopySet AddToShadowCopySet CommitShadowCopySet ExposeShadowCopySet"
    " RecoveryCompleteShadowCopySet AbortShadowCopySet IsPathSupported IsPathShadowCopied GetShareMapping"
    " DeleteShareMapping PrepareShadowCopySet"
)
_EVENTLOG6 = _row(
    "EvtRpcRegisterRemoteSubscription EvtRpcRemoteSubscriptionNextAsync EvtRpcRemoteSubscriptionNext"
    " EvtRpcRemoteSubscriptionWaitAsync EvtRpcRegisterControllableOperation EvtRpcRegisterLogQuery EvtRpcClearLog"
    " EvtRpcExportLog EvtRpcLocalizeExportLog EvtRpcMessageRender EvtRpcMessageRenderDefault EvtRpcQueryNext"
    " EvtRpcQuerySeek EvtRpcClose EvtRpcCancel EvtRpcAssertConfig EvtRpcRetractConfig EvtRpcOpenLogHandle"
    " EvtRpcGetLogFileInfo EvtRpcGetChannelList EvtRpcGetChannelConfig EvtRpcPutChannelConfig"
    " EvtRpcGetPublisherList EvtRpcGetPublisherListForChannel EvtRpcGetPublisherMetadata"
    " EvtRpcGetPublisherResourceMetadata EvtRpcGetEventMetadataEnum EvtRpcGetNextEventMetadata"
    " EvtRpcGetClassicLogDisplayName"
)
_TASKS = _row(
    "SchRpcHighestVersion SchRpcRegisterTask SchRpcRetrieveTask SchRpcCreateFolder SchRpcSetSecurity"
    " SchRpcGetSecurity SchRpcEnumFolders SchRpcEnumTasks SchRpcEnumInstances SchRpcGetInstanceInfo"
    " SchRpcStopInstance SchRpcStop SchRpcRun SchRpcDelete SchRpcRename SchRpcScheduledRuntimes SchRpcGetLastRunInfo"
    " SchRpcGetTaskInfo SchRpcGetNumberOfMissedRuns SchRpcEnableTask"
)

INTERFACES: dict[str, Interface] = {
    "e1af8308-5d1f-11c9-91a4-08002b14a0fa": Interface("epmapper", _EPMAPPER),
    "12345778-1234-abcd-ef00-0123456789ac": Interface("samr", _SAMR),
    "12345778-1234-abcd-ef00-0123456789ab": Interface("lsarpc", _LSARPC),
    "4b324fc8-1670-01d3-1278-5a47bf6ee188": Interface("srvsvc", _SRVSVC),
    "367abb81-9844-35f1-ad32-98f038001003": Interface("svcctl", _SVCCTL),
    "e3514235-4b06-11d1-ab04-00c04fc2dcd2": Interface("drsuapi", _DRSUAPI),
    "12345678-1234-abcd-ef00-01234567cffb": Interface("netlogon", _NETLOGON),
    "1ff70682-0a51-30e8-076d-740be8cee98b": Interface(
        "atsvc", _row("NetrJobAdd NetrJobDel NetrJobEnum NetrJobGetInfo")
    ),
    "378e52b0-c0a9-11cf-822d-00aa0051e40f": Interface(
        "sasec",
        _row("SASetAccountInformation SASetNSAccountInformation SAGetNSAccountInformation SAGetAccountInformation"),
    ),
    "86d35949-83c9-4044-b424-db363231fd0c": Interface("ITaskSchedulerService", _TASKS),
    "6bffd098-a112-3610-9833-46c3f87e345a": Interface("wkssvc", _WKSSVC),
    "338cd001-2244-31f1-aaaa-900038001003": Interface("winreg", _WINREG),
    "12345678-1234-abcd-ef00-0123456789ab": Interface("spoolss", _SPOOLSS),
    "76f03f96-cdfd-44fc-a22c-64950a001209": Interface("IRemoteWinspool", {39: "RpcAsyncAddPrinterDriver"}),
    "c681d488-d850-11d0-8c52-00c04fd90f7e": Interface("efsrpc", _EFSR),
    "df1941c5-fe89-4e79-bf10-463657acf44d": Interface("efsrpc", _EFSR),
    "4fc742e0-4a10-11cf-8273-00aa004ae673": Interface("netdfs", _DFSNM),
    "a8e0653c-2744-4389-a61d-7373df8b2292": Interface("FileServerVssAgent", _FSRVP),
    "894de0c0-0d55-11d3-a322-00c04fa321a1": Interface(
        "InitShutdown", _row("BaseInitiateShutdown BaseAbortShutdown BaseInitiateShutdownEx")
    ),
    "d95afe70-a6d5-4259-822e-2c84da1ddb0d": Interface(
        "WindowsShutdown", _row("WsdrInitiateShutdown WsdrAbortShutdown")
    ),
    "82273fdc-e32a-18c3-3f78-827929dc23ea": Interface(
        "eventlog", {0: "ElfrClearELFW", 7: "ElfrOpenELW", 10: "ElfrReadELW"}
    ),
    "f6beaff7-1e19-4fbb-9f8f-b89e2018337c": Interface("IEventService", _EVENTLOG6),
    "50abc2a4-574d-40b3-9d66-ee4fd5fba076": Interface(
        "dnsserver",
        _row(
            "R_DnssrvOperation R_DnssrvQuery R_DnssrvComplexOperation R_DnssrvEnumRecords R_DnssrvUpdateRecord"
            " R_DnssrvOperation2 R_DnssrvQuery2 R_DnssrvComplexOperation2 R_DnssrvEnumRecords2 R_DnssrvUpdateRecord2"
        ),
    ),
    "3919286a-b10c-11d0-9ba8-00c04fd92ef5": Interface(
        "dssetup", _row("DsRolerGetPrimaryDomainInformation DsRolerDnsNameToFlatName")
    ),
    "3dde7c30-165d-11d1-ab8f-00805f14db40": Interface("BackupKey", _row("BackuprKey")),
    "99fcfec4-5260-101b-bbcb-00aa0021347a": Interface(
        "IObjectExporter", _row("ResolveOxid SimplePing ComplexPing ServerAlive ResolveOxid2 ServerAlive2")
    ),
    "000001a0-0000-0000-c000-000000000046": Interface(
        "IRemoteSCMActivator", {3: "RemoteGetClassObject", 4: "RemoteCreateInstance"}
    ),
    "4d9f4ab8-7d1c-11cf-861e-0020af6e7c57": Interface("IActivation", {0: "RemoteActivation"}),
    "00000131-0000-0000-c000-000000000046": Interface(
        "IRemUnknown", {3: "RemQueryInterface", 4: "RemAddRef", 5: "RemRelease"}
    ),
    "00000143-0000-0000-c000-000000000046": Interface(
        "IRemUnknown2", {3: "RemQueryInterface", 4: "RemAddRef", 5: "RemRelease", 6: "RemQueryInterface2"}
    ),
    "f309ad18-d86a-11d0-a075-00c04fb68820": Interface(
        "IWbemLevel1Login", {3: "EstablishPosition", 4: "RequestChallenge", 5: "WBEMLogin", 6: "NTLMLogin"}
    ),
    "9556dc99-828c-11cf-a37e-00aa003240c7": Interface(
        "IWbemServices",
        _row(
            "OpenNamespace CancelAsyncCall QueryObjectSink GetObject GetObjectAsync PutClass PutClassAsync DeleteClass"
            " DeleteClassAsync CreateClassEnum CreateClassEnumAsync PutInstance PutInstanceAsync DeleteInstance"
            " DeleteInstanceAsync CreateInstanceEnum CreateInstanceEnumAsync ExecQuery ExecQueryAsync"
            " ExecNotificationQuery ExecNotificationQueryAsync ExecMethod ExecMethodAsync",
            3,
        ),
    ),
    "027947e1-d731-11ce-a357-000000000001": Interface(
        "IEnumWbemClassObject", _row("Reset Next NextAsync Clone Skip", 3)
    ),
    "17fdd703-1827-4e34-79d4-24a55c53bb37": Interface("msgsvc", {}),
    "5a7b91f8-ff00-11d0-a9b2-00c04fb6e6fc": Interface("msgsvcsend", {0: "NetrSendMessage"}),
    "8d9f4e40-a03d-11ce-8f69-08003e30051b": Interface("pnp", {}),
    "6bffd098-a112-3610-9833-012892020162": Interface("browser", {}),
    "91ae6020-9e3c-11cf-8d7c-00aa00c091be": Interface("ICertPassage", {0: "CertServerRequest"}),
    "afa8bd80-7d8a-11c9-bef4-08002b102989": Interface(
        "mgmt", _row("inq_if_ids inq_stats is_server_listening stop_server_listening inq_princ_name")
    ),
}


def endpoint(uuid: str) -> str | None:
    """The interface's usual name."""
    known = INTERFACES.get(uuid)
    return known.name if known else None


def operation(uuid: str, number: int) -> str | None:
    known = INTERFACES.get(uuid)
    return known.operations.get(number) if known else None
